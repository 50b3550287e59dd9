"""Products: listed, read, added, changed, deleted."""

from __future__ import annotations

import uuid
from typing import Any

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.products import queries, usecases
from apps.products.api.bodies import ProductChange, ProductInput, ProductOutput, render
from apps.products.api.catalogue import IF_MATCH, CatalogueView, is_admin
from apps.products.api.filters import ATTRIBUTE, Filters, wanted
from apps.products.api.variants import OneProductOutput, whole
from apps.products.events import ProductState
from kernel.ids import new_id
from kernel.rest.etags import answer, etag, if_match
from kernel.rest.idempotency import idempotent
from kernel.rest.paging import page
from kernel.transactions import transaction

# Ids are given in the order of time.
_ORDERS = {
    "-created": ("-id",),
    "price": ("price_amount", "id"),
    "-price": ("-price_amount", "-id"),
    "name": ("name", "id"),
    "relevance": ("-relevance", "-id"),
}
_REFUSALS = {
    400: OpenApiResponse(description="`invalid`"),
    409: OpenApiResponse(description="`code_taken`, `options_taken`"),
    422: OpenApiResponse(
        description="`unknown_category`, `currency_not_sold`, `unknown_family`, `option_missing`,"
        " `family_full`"
    ),
}
_CHANGE_REFUSALS = {
    **_REFUSALS,
    404: OpenApiResponse(description="`product_not_found`"),
    412: OpenApiResponse(description="`precondition_failed`"),
    428: OpenApiResponse(description="`precondition_required`"),
}


class Products(CatalogueView):
    class Query(Filters):
        order = serializers.ChoiceField(
            tuple(_ORDERS),
            required=False,
            help_text="`relevance` with `q` and `-created` without, if nothing is said.",
        )
        is_active = serializers.BooleanField(
            default=True, help_text="Administrators may ask for those that are not for sale."
        )

        def validate_order(self, value: str) -> str:
            if value == "relevance" and "q" not in self.initial_data:
                message = "Only what was searched for has a relevance."
                raise serializers.ValidationError(message, code="nothing_searched")
            return value

    @extend_schema_serializer(component_name="ProductPage")
    class Output(serializers.Serializer):
        results = ProductOutput(many=True)
        next = serializers.URLField(allow_null=True)

    @extend_schema(
        parameters=[
            Query,
            ATTRIBUTE,
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
        ],
        responses={
            200: Output,
            400: OpenApiResponse(description="`invalid`, `invalid_cursor`, `invalid_limit`"),
        },
        operation_id="products_list",
        summary="List products",
    )
    def get(self, request: Request) -> Response:
        order, rows = "-created", queries.active_products()
        if request.query_params:
            form = self.Query(data=request.query_params)
            form.is_valid(raise_exception=True)
            order, rows = self._asked(request, form.validated_data)
        return page(request, rows, order=_ORDERS[order], render=render)

    def _asked(self, request: Request, asked: dict[str, Any]) -> tuple[str, queries.Rows]:
        if not asked["is_active"] and not is_admin(request, self):
            self.permission_denied(request)
        rows = queries.products(is_active=asked["is_active"], wanted=wanted(asked))
        if text := asked.get("q"):
            return asked.get("order", "relevance"), queries.rank(rows, text)
        return asked.get("order", "-created"), rows

    @extend_schema(
        request=ProductInput,
        responses={201: OneProductOutput, **_REFUSALS},
        summary="Add a product",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        form = ProductInput(data=request.data)
        form.is_valid(raise_exception=True)
        state = ProductState(**form.validated_data)
        product_id = new_id()
        usecases.create_product(product_id=product_id, product=state, at=timezone.now())
        return _written(product_id, status=201)


class OneProduct(CatalogueView):
    @extend_schema(
        responses={
            200: OneProductOutput,
            304: None,
            404: OpenApiResponse(description="`product_not_found`"),
        },
        summary="Read a product",
    )
    def get(self, request: Request, product_id: uuid.UUID) -> Response:
        row = queries.product(product_id)
        if row is None or not (row["is_active"] or is_admin(request, self)):
            raise usecases.ProductNotFound
        shown, variant = whole(row)
        return answer(request, shown, version=row["version"], variant=variant)

    @extend_schema(
        request=ProductInput,
        parameters=[IF_MATCH],
        responses={200: OneProductOutput, **_CHANGE_REFUSALS},
        summary="Replace a product",
    )
    def put(self, request: Request, product_id: uuid.UUID) -> Response:
        return self._change(request, product_id, ProductInput(data=request.data))

    @extend_schema(
        request=ProductChange,
        parameters=[IF_MATCH],
        responses={200: OneProductOutput, **_CHANGE_REFUSALS},
        summary="Change a product",
        description="Fields that are left out stay; `package` and `price` are given whole.",
    )
    def patch(self, request: Request, product_id: uuid.UUID) -> Response:
        return self._change(request, product_id, ProductChange(data=request.data))

    def _change(
        self, request: Request, product_id: uuid.UUID, form: serializers.Serializer
    ) -> Response:
        version = if_match(request)
        form.is_valid(raise_exception=True)
        with transaction():
            usecases.change_product(
                product_id=product_id,
                version=version,
                changes=form.validated_data,
                at=timezone.now(),
            )
        return _written(product_id, status=200)

    @extend_schema(
        parameters=[IF_MATCH],
        responses={
            204: None,
            **{code: _CHANGE_REFUSALS[code] for code in (404, 412, 428)},
        },
        summary="Delete a product",
    )
    def delete(self, request: Request, product_id: uuid.UUID) -> Response:
        version = if_match(request)
        with transaction():
            usecases.delete_product(product_id=product_id, version=version, at=timezone.now())
        return Response(status=204)


def _written(product_id: uuid.UUID, status: int) -> Response:
    """Answer with the product as it is now, and with what its next change needs."""
    row = queries.product(product_id)
    if row is None:
        raise usecases.ProductNotFound
    shown, variant = whole(row)
    headers = {
        "ETag": etag(row["version"], variant),
        "Location": reverse("products:one", args=[product_id]),
    }
    return Response(shown, status=status, headers=headers)
