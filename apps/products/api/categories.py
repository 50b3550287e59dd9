"""The tree of categories."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import (
    extend_schema,
    extend_schema_field,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.products import queries, usecases
from apps.products.api.catalogue import CatalogueView
from apps.products.models import SLUG
from kernel.rest.declarations import IF_MATCH, refuses, sends
from kernel.rest.etags import answer, etag, if_match
from kernel.rest.fields import StrictSerializer
from kernel.rest.idempotency import idempotent
from kernel.transactions import transaction


@extend_schema_field({"type": "array", "items": {"$ref": "#/components/schemas/Category"}})
class Children(serializers.ListField):
    """The categories below one, of the same shape; a serializer can't hold itself."""


@extend_schema_serializer(component_name="Category")
class CategoryOutput(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    path = serializers.CharField(help_text="The slugs from the root: `home/lamps`.")
    children = Children()


class Categories(CatalogueView):
    @extend_schema_serializer(component_name="NewCategory")
    class Input(StrictSerializer):
        slug = serializers.RegexField(SLUG, max_length=60)
        name = serializers.CharField(max_length=100)
        parent = serializers.CharField(  # type: ignore[assignment]  # only a field's own parent
            max_length=60, allow_null=True, default=None, help_text="The slug of the one above."
        )

    @extend_schema_serializer(component_name="CategoryTree")
    class Tree(serializers.Serializer):
        results = CategoryOutput(many=True)

    @extend_schema(
        operation_id="list_categories",
        summary="Read the tree of categories",
        responses={200: Tree},
    )
    def get(self, request: Request) -> Response:
        headers = {"Cache-Control": "public, max-age=60"}
        return Response({"results": queries.category_tree()}, headers=headers)

    @extend_schema(
        operation_id="create_category",
        summary="Add a category",
        request=Input,
        responses={201: CategoryOutput},
    )
    @refuses(usecases.SlugTaken, usecases.UnknownParent, usecases.TooDeep)
    @idempotent
    def post(self, request: Request) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        made = usecases.create_category(**form.validated_data)
        body = {"slug": made.slug, "name": made.name, "path": made.path, "children": []}
        return Response(body, status=201)


class OneCategory(CatalogueView):
    @extend_schema_serializer(component_name="CategoryChange")
    class Input(StrictSerializer):
        name = serializers.CharField(max_length=100, required=False)
        parent = serializers.CharField(  # type: ignore[assignment]  # only a field's own parent
            max_length=60,
            allow_null=True,
            required=False,
            help_text="The slug of the new one above, or null: what lies below moves along.",
        )

    @extend_schema_serializer(component_name="OneCategory")
    class Output(serializers.Serializer):
        slug = serializers.CharField()
        name = serializers.CharField()
        path = serializers.CharField(help_text="The slugs from the root: `home/lamps`.")
        parent = serializers.CharField(  # type: ignore[assignment]  # only a field's own parent
            allow_null=True, help_text="The slug of the one above."
        )
        version = serializers.IntegerField()

    @extend_schema(
        operation_id="get_category",
        summary="Read a category",
        responses={200: Output},
    )
    @refuses(usecases.CategoryNotFound)
    @sends("ETag")
    def get(self, request: Request, slug: str) -> Response:
        row = _shown(slug)
        return answer(request, row, version=row["version"])

    @extend_schema(
        operation_id="change_category",
        summary="Rename or move a category",
        description="Its slug stays, since products and links know it by that.",
        parameters=[IF_MATCH],
        request=Input,
        responses={200: Output},
    )
    @refuses(
        usecases.CategoryNotFound, usecases.UnknownParent, usecases.BelowItself, usecases.TooDeep
    )
    @sends("ETag")
    def patch(self, request: Request, slug: str) -> Response:
        version = if_match(request)
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction():
            usecases.change_category(slug=slug, version=version, changes=form.validated_data)
        row = _shown(slug)
        return Response(row, headers={"ETag": etag(row["version"])})

    @extend_schema(
        operation_id="delete_category",
        summary="Delete an empty category",
        parameters=[IF_MATCH],
        responses={204: None},
    )
    @refuses(usecases.CategoryNotFound, usecases.CategoryNotEmpty)
    def delete(self, request: Request, slug: str) -> Response:
        version = if_match(request)
        with transaction():
            usecases.delete_category(slug=slug, version=version)
        return Response(status=204)


def _shown(slug: str) -> dict[str, Any]:
    row = queries.category(slug)
    if row is None:
        raise usecases.CategoryNotFound
    return {"parent": row.pop("above"), **row}
