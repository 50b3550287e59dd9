"""Orders over HTTP: placed, read, changed, cancelled."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import (
    extend_schema,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.orders import queries, usecases
from apps.orders.api.callers import ORDER_CALLERS, person, requester
from apps.orders.api.filters import OrderFilters
from apps.orders.api.guests import EmailField, GuestLinkOutput, demand_email, link
from apps.orders.api.locales import ENGLISH, LocaleField
from apps.orders.models import Order
from kernel.rest.declarations import IF_MATCH, refuses, sends
from kernel.rest.etags import answer, etag, if_match
from kernel.rest.fields import AddressField, MoneyField, StrictSerializer
from kernel.rest.idempotency import idempotent
from kernel.rest.paging import page
from kernel.rest.selection import FIELDS
from kernel.signing import ExpiredSignature, InvalidSignature
from kernel.transactions import transaction

COUPON_REFUSALS = (
    usecases.UnknownCoupon,
    usecases.CouponNotYetValid,
    usecases.CouponNoLongerValid,
    usecases.CouponUsedUp,
    usecases.CouponAlreadyUsed,
    usecases.CouponNeedsAccount,
    usecases.CouponMinimumNotReached,
    usecases.CouponInOtherCurrency,
)


@extend_schema_serializer(component_name="LineTax")
class LineTaxOutput(serializers.Serializer):
    rate_percent = serializers.CharField()
    amount = MoneyField()


@extend_schema_serializer(component_name="Discount")
class DiscountOutput(serializers.Serializer):
    code = serializers.CharField(help_text="The coupon's.")
    amount = MoneyField()


@extend_schema_serializer(component_name="TaxLine")
class TaxLineOutput(serializers.Serializer):
    name = serializers.CharField()
    rate_percent = serializers.CharField()
    net = MoneyField(help_text="What the tax lies on, without it.")
    amount = MoneyField()


@extend_schema_serializer(component_name="OrderLine")
class LineOutput(serializers.Serializer):
    product_id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField(help_text="What was really packed, once it was.")
    ordered_quantity = serializers.IntegerField()
    unit_price = MoneyField(help_text="Before any discount.")
    discount = MoneyField(help_text="Of the whole line.")
    tax = LineTaxOutput(allow_null=True, help_text="On what is paid for the line.")


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
    email = serializers.EmailField(allow_null=True, help_text="A guest's.")
    subtotal = MoneyField(help_text="The goods, before any discount.")
    delivery_price = MoneyField(help_text="Before any discount.")
    discounts = DiscountOutput(many=True)
    prices_include_tax = serializers.BooleanField(help_text="Else the taxes are added to them.")
    tax_lines = TaxLineOutput(many=True, help_text="On goods and delivery, by rate.")
    total = MoneyField()
    currency = serializers.CharField()
    version = serializers.IntegerField()
    placed_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    cancellation = CancellationOutput(allow_null=True)
    tracking_number = serializers.CharField(allow_null=True)


@extend_schema_serializer(component_name="PlacedOrder")
class PlacedOrderOutput(OrderOutput):
    guest_link = GuestLinkOutput(required=False, help_text="For guests alone.")


@extend_schema_serializer(component_name="OrderPage")
class OrderPage(serializers.Serializer):
    results = OrderOutput(many=True)
    next = serializers.URLField(allow_null=True)


PLACING_REFUSALS = (
    usecases.SoldOut,
    usecases.TotalChanged,
    usecases.MixedCurrencies,
    usecases.UnknownProduct,
    InvalidSignature,
    ExpiredSignature,
    usecases.QuoteMismatch,
    usecases.TotalTooHigh,
    usecases.CustomerErased,
    *COUPON_REFUSALS,
)


class OrderCollection(APIView):
    throttle_scope = "order"

    def get_permissions(self) -> list[BasePermission]:
        return [AllowAny() if self.request.method == "POST" else IsAuthenticated()]

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
        coupon = serializers.CharField(
            max_length=40, required=False, allow_null=True, help_text="In any case: summer10."
        )
        email = EmailField()
        locale = LocaleField()

    @extend_schema(
        operation_id="list_orders",
        summary="List orders",
        description="Newest first: the caller's own; support sees everyone's.",
        parameters=[OrderFilters, FIELDS],
        responses={200: OrderPage},
    )
    def get(self, request: Request) -> Response:
        filters = OrderFilters(data=request.query_params)
        filters.is_valid(raise_exception=True)
        rows = queries.orders(owner_id=person(request)).filter(**filters.conditions)
        return page(
            request,
            rows,
            order=filters.order,
            render=_row,
            known=[OrderFilters],
            fields=OrderOutput,
        )

    @extend_schema(
        operation_id="place_order",
        summary="Place an order",
        description="Places an order at today's prices. It is confirmed or cancelled soon after,"
        " once the warehouse and the payment gateway have answered. Who isn't logged in is a guest,"
        " gives an `email`, and gets a link to the order.",
        request=Input,
        responses={201: PlacedOrderOutput},
    )
    @refuses(*PLACING_REFUSALS)
    @sends("ETag", "Location")
    @idempotent
    def post(self, request: Request) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        demand_email(asked.get("email"), is_guest=request.user.pk is None)
        order = usecases.place_order(
            customer_id=request.user.pk,
            lines=[(line["product_id"], line["quantity"]) for line in asked["lines"]],
            address=asked["address"],
            delivery_quote=asked["delivery_quote"],
            payment_token=asked["payment_token"],
            expected_total=asked.get("expected_total"),
            coupon=asked.get("coupon"),
            email=asked.get("email"),
            locale=asked.get("locale", ENGLISH),
            at=timezone.now(),
        )
        return placed(order)


class OrderDetail(APIView):
    authentication_classes = ORDER_CALLERS

    @extend_schema_serializer(component_name="OrderChange")
    class Input(StrictSerializer):
        address = AddressField()

    @extend_schema(
        operation_id="get_order",
        summary="Read an order",
        parameters=[FIELDS],
        responses={200: OrderOutput},
    )
    @refuses(usecases.OrderNotFound)
    @sends("ETag")
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        row = queries.order(order_id=order_id, person_id=person(request))
        if row is None:
            raise usecases.OrderNotFound
        return answer(request, _row(row), version=row["version"], fields=OrderOutput)

    @extend_schema(
        operation_id="change_order",
        summary="Send an order elsewhere",
        description="To another address in the same country, before it is packed.",
        parameters=[IF_MATCH],
        request=Input,
        responses={200: OrderOutput},
    )
    @refuses(usecases.OrderNotFound, usecases.AddressNotChangeable, usecases.OtherCountry)
    @sends("ETag")
    def patch(self, request: Request, order_id: uuid.UUID) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction():
            order = usecases.change_address(
                order_id=order_id,
                person_id=person(request),
                version=if_match(request),
                address=form.validated_data["address"],
                at=timezone.now(),
            )
            return _whole(order)


class OrderCancel(APIView):
    authentication_classes = ORDER_CALLERS

    @extend_schema(
        operation_id="cancel_order",
        summary="Cancel an order",
        description="A placed order is cancelled at once; a confirmed one (for staff also a"
        " packaged one) unless its shipment has started by then.",
        request=None,
        responses={200: OrderOutput},
    )
    @refuses(usecases.OrderNotFound, usecases.OrderNotCancellable)
    @sends("ETag")
    @idempotent
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        order = usecases.cancel_order(
            order_id=order_id,
            person_id=person(request),
            requested_by=requester(request),
            at=timezone.now(),
        )
        return _whole(order)


def placed(order: Order) -> Response:
    """Answer a new order; a guest gets the link to it."""
    answered = _whole(order, status=201, headers={"Location": _location(order)})
    if order.customer_id is None:
        answered.data["guest_link"] = link(order)
    return answered


def _location(order: Order) -> str:
    return reverse("orders:detail", args=[order.id])


def _whole(order: Order, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer an order that is in hand, without reading it again."""
    body = queries.shape(vars(order), map(vars, order.all_lines))
    return Response(body, status, headers={**(headers or {}), "ETag": etag(order.version)})


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return queries.shape(row, row["order_lines"])
