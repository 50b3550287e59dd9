"""Products: listed, read, added, changed, deleted."""

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
from apps.products.api.bodies import (
    ProductChange,
    ProductInput,
    ProductOutput,
    columns,
    part,
    render,
)
from apps.products.api.catalogue import CatalogueView, is_admin
from apps.products.api.filters import ATTRIBUTE, Filters, wanted
from apps.products.api.variants import OneProductOutput, alone, whole
from apps.products.events import ProductState
from kernel.ids import new_id
from kernel.rest import codes
from kernel.rest.declarations import IF_MATCH, refuses, sends
from kernel.rest.etags import answer, etag, if_match
from kernel.rest.idempotency import idempotent
from kernel.rest.paging import page
from kernel.rest.selection import FIELDS, chosen
from kernel.transactions import transaction

# Ids are given in the order of time.
_ORDERS = {
    "-created": ("-id",),
    "price": ("price_amount", "id"),
    "-price": ("-price_amount", "-id"),
    "name": ("name", "id"),
    "relevance": ("-relevance", "-id"),
}

REFUSALS = (
    usecases.CodeTaken,
    usecases.OptionsTaken,
    usecases.UnknownCategory,
    usecases.CurrencyNotSold,
    usecases.UnknownFamily,
    usecases.OptionMissing,
    usecases.FamilyFull,
)


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
        operation_id="list_products",
        summary="List products",
        parameters=[Query, ATTRIBUTE, FIELDS],
        responses={200: Output},
    )
    @refuses(codes.NOT_AUTHENTICATED, codes.PERMISSION_DENIED)  # of what is not for sale
    def get(self, request: Request) -> Response:
        order, rows = "-created", queries.active_products()
        if request.query_params:
            form = self.Query(data=request.query_params)
            form.is_valid(raise_exception=True)
            order, rows = self._asked(request, form.validated_data)
        by, read = _ORDERS[order], render
        if (names := chosen(request, ProductOutput)) is not None:
            if "q" not in request.query_params:
                names -= {"highlight"}
            rows, read = rows.values(*columns(names), *(name.lstrip("-") for name in by)), part
        return page(request, rows, order=by, render=read, known=[self.Query], fields=ProductOutput)

    def _asked(self, request: Request, asked: dict[str, Any]) -> tuple[str, queries.Rows]:
        if not asked["is_active"] and not is_admin(request, self):
            self.permission_denied(request)
        rows = queries.products(is_active=asked["is_active"], wanted=wanted(asked))
        if not (text := asked.get("q")):
            return asked.get("order", "-created"), rows
        found, order = queries.find(rows, text), asked.get("order", "relevance")
        return order, found.best() if order == "relevance" else found.all()

    @extend_schema(
        operation_id="create_product",
        summary="Add a product",
        request=ProductInput,
        responses={201: OneProductOutput},
    )
    @refuses(*REFUSALS)
    @sends("ETag", "Location")
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
        operation_id="get_product",
        summary="Read a product",
        parameters=[FIELDS],
        responses={200: OneProductOutput},
    )
    @refuses(usecases.ProductNotFound)
    @sends("ETag")
    def get(self, request: Request, product_id: uuid.UUID) -> Response:
        row = queries.product(product_id)
        if row is None or not (row["is_active"] or is_admin(request, self)):
            raise usecases.ProductNotFound
        names = chosen(request, OneProductOutput)
        shown, variant = whole(row) if names is None or "variants" in names else alone(row)
        version, fields = row["version"], OneProductOutput
        return answer(request, shown, version=version, variant=variant, fields=fields)

    @extend_schema(
        operation_id="replace_product",
        summary="Replace a product",
        parameters=[IF_MATCH],
        request=ProductInput,
        responses={200: OneProductOutput},
    )
    @refuses(usecases.ProductNotFound, *REFUSALS)
    @sends("ETag", "Location")
    def put(self, request: Request, product_id: uuid.UUID) -> Response:
        return self._change(request, product_id, ProductInput(data=request.data))

    @extend_schema(
        operation_id="change_product",
        summary="Change a product",
        description="Fields that are left out stay; `package` and `price` are given whole.",
        parameters=[IF_MATCH],
        request=ProductChange,
        responses={200: OneProductOutput},
    )
    @refuses(usecases.ProductNotFound, *REFUSALS)
    @sends("ETag", "Location")
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
        operation_id="delete_product",
        summary="Delete a product",
        parameters=[IF_MATCH],
        responses={204: None},
    )
    @refuses(usecases.ProductNotFound)
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
