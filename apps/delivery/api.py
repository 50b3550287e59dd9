"""Delivery's REST endpoints: parse, make one call, render."""

from __future__ import annotations

import uuid

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.delivery import queries, usecases
from kernel.rest.etags import answer, etag
from kernel.rest.fields import AddressField, MoneyField, StrictSerializer
from kernel.rest.idempotency import idempotent
from kernel.rest.paging import page
from kernel.rest.roles import role
from kernel.transactions import transaction

STATES = ("new", "in_progress", "completed", "failed", "cancelled")
UPPER_STATES = [state.upper() for state in STATES]
PAGE = [
    OpenApiParameter("limit", int, description="1 to 100, 24 if not given."),
    OpenApiParameter("cursor", str, description="From `next` of the page before."),
]


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
        request=QuoteInput,
        responses={200: QuoteOutput, 422: OpenApiTypes.OBJECT},
        description="Price the delivery of these lines to this address. The quote is signed, bound"
        " to country and lines, and lives 30 minutes. Refused with `unknown_product`,"
        " `country_not_served` and `too_much_to_deliver` (422).",
    )
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
        responses={200: TrackingOutput, 404: OpenApiTypes.OBJECT},
        description="How far a shipment is. Refused with `unknown_shipment` (404).",
    )
    def get(self, request: Request, number: str) -> Response:
        return Response(queries.tracking(number))


class DeliveryView(APIView):
    permission_classes = [role("delivery")]


class ShipmentList(DeliveryView):
    class Query(serializers.Serializer):
        state = serializers.ChoiceField(STATES, required=False)

    @extend_schema(
        operation_id="list_shipments", parameters=[Query, *PAGE], responses={200: ShipmentPage}
    )
    def get(self, request: Request) -> Response:
        """List the shipments, those of the oldest orders first."""
        asked = self.Query(data=request.query_params)
        asked.is_valid(raise_exception=True)
        rows = queries.shipments(state=asked.validated_data.get("state", "").upper())
        return page(request, rows, order=("order_id",), render=queries.render_shipment)


class ShipmentDetail(DeliveryView):
    @extend_schema(
        operation_id="get_shipment",
        responses={200: ShipmentOutput, 404: OpenApiTypes.OBJECT},
        description="Refused with `unknown_shipment` (404).",
    )
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        body = queries.shipment(order_id)
        return answer(request, body, version=body["version"])


class ShipmentStart(DeliveryView):
    @extend_schema(
        operation_id="start_shipment",
        request=None,
        responses=SHIPMENT_ANSWERS,
        description="Send the package: from now on it can't be cancelled or sent elsewhere. Refused"
        " with `unknown_shipment` (404), `shipment_not_allowed` and `address_missing` (409).",
    )
    @idempotent
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        usecases.start_shipment(order_id=order_id, at=timezone.now())
        return _with_etag(order_id)


class ShipmentComplete(DeliveryView):
    @extend_schema(
        operation_id="complete_shipment",
        request=None,
        responses=SHIPMENT_ANSWERS,
        description="The package has arrived. Refused with `unknown_shipment` (404) and"
        " `shipment_not_allowed` (409).",
    )
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
        request=Input,
        responses=SHIPMENT_ANSWERS,
        description="The package could not be delivered and comes back. Refused with"
        " `unknown_shipment` (404) and `shipment_not_allowed` (409).",
    )
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
