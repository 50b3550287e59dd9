"""Families of products: made, read, changed."""

from __future__ import annotations

import uuid
from typing import Any

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import (
    extend_schema,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.products import queries, usecases
from apps.products.api.catalogue import CatalogueView
from apps.products.models import MAX_NAME, MAX_OPTIONS, NAME
from kernel.ids import new_id
from kernel.rest.declarations import IF_MATCH, refuses, sends
from kernel.rest.etags import answer, etag, if_match
from kernel.rest.fields import StrictSerializer
from kernel.rest.idempotency import idempotent
from kernel.rest.paging import page
from kernel.transactions import transaction


@extend_schema_serializer(component_name="Family")
class FamilyOutput(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()
    options = serializers.ListField(child=serializers.CharField())
    version = serializers.IntegerField()


class Families(CatalogueView):
    @extend_schema_serializer(component_name="NewFamily")
    class Input(StrictSerializer):
        name = serializers.CharField(max_length=200)
        description = serializers.CharField(max_length=10_000, allow_blank=True, default="")
        options = serializers.ListField(
            child=serializers.RegexField(NAME, max_length=MAX_NAME),
            min_length=1,
            max_length=MAX_OPTIONS,
            help_text="The attributes that tell its products apart: `size`, `colour`. They stay.",
        )

        def validate_options(self, value: list[str]) -> list[str]:
            return list(dict.fromkeys(value))

    @extend_schema_serializer(component_name="FamilyPage")
    class Output(serializers.Serializer):
        results = FamilyOutput(many=True)
        next = serializers.URLField(allow_null=True)

    @extend_schema(
        operation_id="list_families",
        summary="List families of products",
        responses={200: Output},
    )
    def get(self, request: Request) -> Response:
        return page(request, queries.families(), order=("-id",))

    @extend_schema(
        operation_id="create_family",
        summary="Add a family of products",
        description="Products join it by their `family`.",
        request=Input,
        responses={201: FamilyOutput},
    )
    @sends("ETag", "Location")
    @idempotent
    def post(self, request: Request) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        family_id = new_id()
        usecases.create_family(family_id=family_id, **form.validated_data, at=timezone.now())
        row = _shown(family_id)
        location = reverse("products:family", args=[family_id])
        headers = {"ETag": etag(row["version"]), "Location": location}
        return Response(row, status=201, headers=headers)


class OneFamily(CatalogueView):
    @extend_schema_serializer(component_name="FamilyChange")
    class Input(StrictSerializer):
        name = serializers.CharField(max_length=200, required=False)
        description = serializers.CharField(max_length=10_000, allow_blank=True, required=False)

    @extend_schema(
        operation_id="get_family",
        summary="Read a family of products",
        responses={200: FamilyOutput},
    )
    @refuses(usecases.FamilyNotFound)
    @sends("ETag")
    def get(self, request: Request, family_id: uuid.UUID) -> Response:
        row = _shown(family_id)
        return answer(request, row, version=row["version"])

    @extend_schema(
        operation_id="change_family",
        summary="Change a family of products",
        description="Its options stay, since its products are told apart by them.",
        parameters=[IF_MATCH],
        request=Input,
        responses={200: FamilyOutput},
    )
    @refuses(usecases.FamilyNotFound)
    @sends("ETag")
    def patch(self, request: Request, family_id: uuid.UUID) -> Response:
        version = if_match(request)
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction():
            usecases.change_family(
                family_id=family_id,
                version=version,
                changes=form.validated_data,
                at=timezone.now(),
            )
        row = _shown(family_id)
        return Response(row, headers={"ETag": etag(row["version"])})


def _shown(family_id: uuid.UUID) -> dict[str, Any]:
    row = queries.family(family_id)
    if row is None:
        raise usecases.FamilyNotFound
    return row
