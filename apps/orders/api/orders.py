"""Orders over HTTP: placed, read, changed, cancelled."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
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
from rest_framework.views import APIView

from apps.orders import queries, usecases
from apps.orders.api.callers import owner, requester
from apps.orders.models import Order
from kernel.rest.etags import answer, etag, if_match
from kernel.rest.fields import AddressField, MoneyField, StrictSerializer
from kernel.rest.idempotency import idempotent
from kernel.rest.paging import page
from kernel.transactions import transaction

IF_MATCH = OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, required=True)
PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor", str)]


@extend_schema_serializer(component_name="OrderLine")
class LineOutput(serializers.Serializer):
    product_id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField(help_text="What was really packed, once it was.")
    ordered_quantity = serializers.IntegerField()
    unit_price = MoneyField()


@extend_schema_serializer(component_name="OrderCancellation")
class CancellationOutput(serializers.Serializer):
    requested_by = serializers.ChoiceField(Order.Requester.choices, allow_null=True)
    requested_at = serializers.DateTimeField(allow_null=True)
    is_refused = serializers.BooleanField(help_text="The shipment had started already.")
    reason = serializers.ChoiceField(Order.CancelReason.choices, allow_null=True)


@extend_schema_serializer(component_name="Order")
class OrderOutput(serializers.Serializer):
    id = serializers.UUIDField()
    number = serializers.CharField()
    customer_id = serializers.UUIDField(allow_null=True)
    state = serializers.ChoiceField(Order.State.choices)
    lines = LineOutput(many=True)
    address = AddressField(allow_null=True)
    delivery_price = MoneyField()
    total = MoneyField()
    currency = serializers.CharField()
    version = serializers.IntegerField()
    placed_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    cancellation = CancellationOutput(allow_null=True)
    tracking_number = serializers.CharField(allow_null=True)


@extend_schema_serializer(component_name="OrderPage")
class OrderPage(serializers.Serializer):
    results = OrderOutput(many=True)
    next = serializers.URLField(allow_null=True)


class OrderCollection(APIView):
    @extend_schema_serializer(component_name="NewOrder")
    class Input(StrictSerializer):
        @extend_schema_serializer(component_name="NewOrderLine")
        class Line(StrictSerializer):
            product_id = serializers.UUIDField()
            quantity = serializers.IntegerField(min_value=1, max_value=999)

        lines = serializers.ListField(child=Line(), min_length=1, max_length=100)
        address = AddressField()
        delivery_quote = serializers.CharField(max_length=10_000)
        payment_token = serializers.CharField(max_length=200)
        expected_total = MoneyField(required=False, allow_null=True)

    class Query(serializers.Serializer):
        state = serializers.ChoiceField(Order.State.choices, required=False)
        customer = serializers.UUIDField(required=False)

    @extend_schema(
        operation_id="list_orders",
        parameters=[Query, *PAGE],
        responses={200: OrderPage},
        description="The caller's orders, newest first; support sees everyone's."
        " Refused with `invalid`, `invalid_cursor`, `invalid_limit` (400).",
    )
    def get(self, request: Request) -> Response:
        form = self.Query(data=request.query_params)
        form.is_valid(raise_exception=True)
        wanted = {_COLUMNS[name]: value for name, value in form.validated_data.items()}
        rows = queries.orders(owner_id=owner(request)).filter(**wanted)
        return page(request, rows, order=("-id",), render=_row)

    @extend_schema(
        operation_id="place_order",
        request=Input,
        responses={
            201: OrderOutput,
            409: OpenApiResponse(
                description="`sold_out` (with `products`), `total_changed` (with `total`),"
                " `mixed_currencies`, `request_in_progress`"
            ),
            422: OpenApiResponse(
                description="`unknown_product` (with `products`), `invalid_signature`,"
                " `expired_signature`, `quote_mismatch`, `total_too_high`,"
                " `idempotency_key_reused`"
            ),
        },
        description="Places an order at today's prices. It is confirmed or cancelled soon after,"
        " once the warehouse and the payment gateway have answered.",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        order = usecases.place_order(
            customer_id=request.user.pk,
            lines=[(line["product_id"], line["quantity"]) for line in asked["lines"]],
            address=asked["address"],
            delivery_quote=asked["delivery_quote"],
            payment_token=asked["payment_token"],
            expected_total=asked.get("expected_total"),
            at=timezone.now(),
        )
        location = reverse("orders:detail", args=[order.id])
        return _whole(order, status=201, headers={"Location": location})


class OrderDetail(APIView):
    @extend_schema_serializer(component_name="OrderChange")
    class Input(StrictSerializer):
        address = AddressField()

    @extend_schema(
        operation_id="get_order",
        responses={200: OrderOutput, 404: OpenApiResponse(description="`order_not_found`")},
    )
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        row = queries.orders(owner_id=owner(request)).filter(id=order_id).first()
        if row is None:
            raise usecases.OrderNotFound
        return answer(request, _row(row), version=row["version"])

    @extend_schema(
        operation_id="change_order",
        parameters=[IF_MATCH],
        request=Input,
        responses={
            200: OrderOutput,
            404: OpenApiResponse(description="`order_not_found`"),
            409: OpenApiResponse(description="`address_not_changeable`, `other_country`"),
            412: OpenApiResponse(description="`precondition_failed`"),
            428: OpenApiResponse(description="`precondition_required`"),
        },
        description="Sends the order to another address in the same country, before it is packed.",
    )
    def patch(self, request: Request, order_id: uuid.UUID) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction():
            order = usecases.change_address(
                order_id=order_id,
                owner_id=owner(request),
                version=if_match(request),
                address=form.validated_data["address"],
                at=timezone.now(),
            )
            return _whole(order)


class OrderCancel(APIView):
    @extend_schema(
        operation_id="cancel_order",
        request=None,
        responses={
            200: OrderOutput,
            404: OpenApiResponse(description="`order_not_found`"),
            409: OpenApiResponse(description="`order_not_cancellable`, with its `state`"),
        },
        description="Cancels a placed order at once; a confirmed one (for staff also a packaged"
        " one) is cancelled unless its shipment has started by then.",
    )
    @idempotent
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        order = usecases.cancel_order(
            order_id=order_id,
            owner_id=owner(request),
            requested_by=requester(request),
            at=timezone.now(),
        )
        return _whole(order)


_COLUMNS = {"state": "state", "customer": "customer_id"}


def _whole(order: Order, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer an order that is in hand, without reading it again."""
    body = queries.shape(vars(order), map(vars, order.all_lines))
    return Response(body, status, headers={**(headers or {}), "ETag": etag(order.version)})


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return queries.shape(row, row["order_lines"])
