"""Delivery's REST endpoints: parse, make one call, render."""

from __future__ import annotations

import uuid

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.delivery import queries, usecases
from apps.delivery.models import AddressMissing, ShipmentNotAllowed, UnknownShipment
from kernel.rest.declarations import refuses, sends
from kernel.rest.etags import answer, etag
from kernel.rest.fields import AddressField, MoneyField, QueryForm, StrictSerializer
from kernel.rest.idempotency import idempotent
from kernel.rest.paging import page
from kernel.rest.roles import role
from kernel.transactions import transaction

STATES = ("new", "in_progress", "completed", "failed", "cancelled")
UPPER_STATES = [state.upper() for state in STATES]


class QuoteLine(StrictSerializer):
    product_id = serializers.UUIDField()
    quantity = serializers.IntegerField(min_value=1, max_value=999)


@extend_schema_serializer(component_name="Quote")
class QuoteInput(StrictSerializer):
    lines = serializers.ListField(child=QuoteLine(), min_length=1, max_length=100)
    address = AddressField()


@extend_schema_serializer(component_name="Quote")
class QuoteOutput(serializers.Serializer):
    quote = serializers.CharField(help_text="For `delivery_quote` of `POST /orders`.")
    price = MoneyField()
    expires_at = serializers.DateTimeField()


@extend_schema_serializer(component_name="PackageLine")
class PackageLineOutput(serializers.Serializer):
    product_id = serializers.UUIDField()
    quantity = serializers.IntegerField()


@extend_schema_serializer(component_name="Shipment")
class ShipmentOutput(serializers.Serializer):
    order_id = serializers.UUIDField()
    shipment_id = serializers.UUIDField()
    state = serializers.ChoiceField(UPPER_STATES)
    tracking_number = serializers.CharField()
    address = AddressField(allow_null=True)
    lines = PackageLineOutput(many=True)
    failure_reason = serializers.CharField(allow_blank=True)
    packed_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField()


class ShipmentPage(serializers.Serializer):
    results = ShipmentOutput(many=True)
    next = serializers.URLField(allow_null=True)


@extend_schema_serializer(component_name="Tracking")
class TrackingOutput(serializers.Serializer):
    tracking_number = serializers.CharField()
    state = serializers.ChoiceField(UPPER_STATES)
    packed_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


SHIPMENT_ANSWERS = {
    200: ShipmentOutput,
    404: OpenApiTypes.OBJECT,
    409: OpenApiTypes.OBJECT,
}


class Quotes(APIView):
    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="quote_delivery",
        summary="Price a delivery",
        description="Of these lines to this address. The quote is signed, bound to country and"
        " lines, and lives 30 minutes.",
        request=QuoteInput,
        responses={200: QuoteOutput},
    )
    @refuses(usecases.UnknownProduct, usecases.CountryNotServed, usecases.TooMuchToDeliver)
    def post(self, request: Request) -> Response:
        asked = QuoteInput(data=request.data)
        asked.is_valid(raise_exception=True)
        lines = [(line["product_id"], line["quantity"]) for line in asked.validated_data["lines"]]
        country = asked.validated_data["address"].country
        with transaction():
            quote = usecases.quote_delivery(lines=lines, country=country, at=timezone.now())
        return Response({"quote": quote.text, "price": quote.price, "expires_at": quote.expires_at})


class Tracking(APIView):
    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="track_shipment",
        summary="Follow a shipment",
        description="How far it is; whoever knows the number may ask.",
        responses={200: TrackingOutput},
    )
    @refuses(UnknownShipment)
    def get(self, request: Request, number: str) -> Response:
        return Response(queries.tracking(number))


class DeliveryView(APIView):
    permission_classes = [role("delivery")]


class ShipmentList(DeliveryView):
    class Query(QueryForm):
        state = serializers.ChoiceField(STATES, required=False)

    @extend_schema(
        operation_id="list_shipments",
        summary="List shipments",
        description="Those of the oldest orders first.",
        parameters=[Query],
        responses={200: ShipmentPage},
    )
    def get(self, request: Request) -> Response:
        asked = self.Query(data=request.query_params)
        asked.is_valid(raise_exception=True)
        rows = queries.shipments(state=asked.validated_data.get("state", "").upper())
        return page(
            request, rows, order=("order_id",), render=queries.render_shipment, known=[self.Query]
        )


class ShipmentDetail(DeliveryView):
    @extend_schema(
        operation_id="get_shipment",
        summary="Read a shipment",
        responses={200: ShipmentOutput},
    )
    @refuses(UnknownShipment)
    @sends("ETag")
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        body = queries.shipment(order_id)
        return answer(request, body, version=body["version"])


class ShipmentStart(DeliveryView):
    @extend_schema(
        operation_id="start_shipment",
        summary="Send a package",
        description="From now on it can't be cancelled or sent elsewhere.",
        request=None,
        responses=SHIPMENT_ANSWERS,
    )
    @refuses(UnknownShipment, ShipmentNotAllowed, AddressMissing)
    @sends("ETag")
    @idempotent
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        usecases.start_shipment(order_id=order_id, at=timezone.now())
        return _with_etag(order_id)


class ShipmentComplete(DeliveryView):
    @extend_schema(
        operation_id="complete_shipment",
        summary="Say that a package has arrived",
        request=None,
        responses=SHIPMENT_ANSWERS,
    )
    @refuses(UnknownShipment, ShipmentNotAllowed)
    @sends("ETag")
    @idempotent
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        usecases.complete_shipment(order_id=order_id, at=timezone.now())
        return _with_etag(order_id)


class ShipmentFail(DeliveryView):
    @extend_schema_serializer(component_name="ShipmentFailure")
    class Input(StrictSerializer):
        reason = serializers.CharField(max_length=200)

    @extend_schema(
        operation_id="fail_shipment",
        summary="Say that a package comes back",
        description="It could not be delivered.",
        request=Input,
        responses=SHIPMENT_ANSWERS,
    )
    @refuses(UnknownShipment, ShipmentNotAllowed)
    @sends("ETag")
    @idempotent
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        asked = self.Input(data=request.data)
        asked.is_valid(raise_exception=True)
        usecases.fail_shipment(
            order_id=order_id, reason=asked.validated_data["reason"], at=timezone.now()
        )
        return _with_etag(order_id)


def _with_etag(order_id: uuid.UUID) -> Response:
    body = queries.shipment(order_id)
    return Response(body, headers={"ETag": etag(body["version"])})
