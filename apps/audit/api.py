"""The audit over REST: what happened, for support."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.audit import queries
from apps.audit.models import Record
from kernel.refusals import Refusal
from kernel.rest.declarations import refuses
from kernel.rest.fields import QueryForm
from kernel.rest.paging import page
from kernel.rest.roles import role
from kernel.rest.selection import FIELDS, UnknownParameter, demand_known

ORDERS = {"desc": ("-occurred_at", "-event_id"), "asc": ("occurred_at", "event_id")}


class EventCollection(APIView):
    permission_classes = [role("support")]

    class Filters(QueryForm):
        type = serializers.CharField(
            required=False, max_length=100, help_text="As in `orders.order_placed.v1`."
        )
        subject = serializers.UUIDField(required=False, help_text="What the event is about.")
        order = serializers.UUIDField(required=False, help_text="The order it belongs to.")
        email = serializers.CharField(
            required=False, max_length=254, help_text="All of this person, their orders too."
        )
        request_id = serializers.CharField(required=False, max_length=128)
        outcome = serializers.ChoiceField(required=False, choices=Record.Outcome.choices)
        since = serializers.DateTimeField(required=False, help_text="It occurred then or later.")
        until = serializers.DateTimeField(required=False, help_text="It occurred before then.")

    class Paging(QueryForm):
        ordering = serializers.ChoiceField(
            choices=sorted(ORDERS), default="desc", help_text="`desc`: newest first."
        )

    @extend_schema_serializer(component_name="AuditEventPage")
    class Output(serializers.Serializer):
        @extend_schema_serializer(component_name="AuditEvent")
        class Item(serializers.Serializer):
            @extend_schema_serializer(component_name="AuditChange")
            class Change(serializers.Serializer):
                field = serializers.CharField()
                before = serializers.JSONField()
                after = serializers.JSONField()

            id = serializers.UUIDField(
                help_text="The event's id, and that of its message (`id` of CloudEvents)."
            )
            type = serializers.CharField()
            subject = serializers.UUIDField()
            order_id = serializers.UUIDField(allow_null=True)
            actor = serializers.CharField()
            request_id = serializers.CharField(help_text="The request that began it all.")
            trace_id = serializers.CharField(allow_null=True, help_text="W3C trace id.")
            causation_id = serializers.UUIDField(
                allow_null=True, help_text="The event that led here."
            )
            occurred_at = serializers.DateTimeField()
            recorded_at = serializers.DateTimeField()
            outcome = serializers.ChoiceField(choices=Record.Outcome.choices)
            changes = Change(many=True, help_text="Before and after, where the event tells it.")
            payload = serializers.DictField(help_text="Personal fields are null.")

        results = Item(many=True)
        next = serializers.URLField(allow_null=True)

    @extend_schema(
        operation_id="list_audit_events",
        summary="List what happened",
        description="Newest first. Filters add up.",
        parameters=[Filters, Paging, FIELDS],
        responses=Output,
    )
    def get(self, request: Request) -> Response:
        filters = _valid(self.Filters, request)
        ordering = _valid(self.Paging, request)["ordering"]
        return page(
            request,
            queries.events(**filters),
            order=ORDERS[ordering],
            render=queries.render,
            known=[self.Filters, self.Paging],
            fields=self.Output.Item,
        )


class OrderNotHeardOf(Refusal):
    """Nothing was told of this order by then."""

    status = 404


class OrderThen(APIView):
    permission_classes = [role("support")]

    class Time(QueryForm):
        at = serializers.DateTimeField(required=False, help_text="Without it: now.")

    @extend_schema_serializer(component_name="AuditedOrder")
    class Output(serializers.Serializer):
        @extend_schema_serializer(component_name="AuditedOrderState")
        class Order(serializers.Serializer):
            @extend_schema_serializer(component_name="AuditedOrderLine")
            class Line(serializers.Serializer):
                product_id = serializers.UUIDField()
                code = serializers.CharField()
                name = serializers.CharField()
                quantity = serializers.IntegerField()
                unit_price = serializers.IntegerField()

            number = serializers.CharField()
            customer_id = serializers.UUIDField(allow_null=True)
            state = serializers.CharField()
            version = serializers.IntegerField()
            reason = serializers.CharField(allow_null=True, help_text="Why it ended without goods.")
            tracking_number = serializers.CharField(allow_null=True)
            lines = Line(many=True)
            delivery_price = serializers.IntegerField()
            total = serializers.IntegerField(help_text="In minor units.")
            currency = serializers.CharField()

        @extend_schema_serializer(component_name="AuditedPayment")
        class Payment(serializers.Serializer):
            state = serializers.CharField()
            authorized = serializers.IntegerField(help_text="In minor units, as all of these.")
            captured = serializers.IntegerField()
            refunded = serializers.IntegerField()

        @extend_schema_serializer(component_name="AuditedPackaging")
        class Packaging(serializers.Serializer):
            @extend_schema_serializer(component_name="AuditedQuantity")
            class Line(serializers.Serializer):
                product_id = serializers.UUIDField()
                quantity = serializers.IntegerField()

            state = serializers.CharField()
            reserved = Line(many=True)
            packed = Line(many=True)
            released = Line(many=True)

        @extend_schema_serializer(component_name="AuditedStock")
        class Stock(serializers.Serializer):
            product_id = serializers.UUIDField()
            version = serializers.IntegerField()
            on_hand = serializers.IntegerField()
            reserved = serializers.IntegerField(help_text="For all orders.")
            free = serializers.IntegerField()

        order_id = serializers.UUIDField()
        at = serializers.DateTimeField()
        events = serializers.IntegerField(help_text="How many events tell it.")
        order = Order(allow_null=True, help_text="Null if its placing was not told by then.")
        payment = Payment(allow_null=True)
        packaging = Packaging(allow_null=True)
        stock = Stock(many=True, help_text="Of the order's products.")

    @extend_schema(
        operation_id="retrieve_order_as_it_was",
        summary="Get an order as it was",
        description="The order, its payment and its stock at a time, as the events until then"
        " tell it. What is personal isn't shown.",
        parameters=[Time],
        responses=Output,
    )
    @refuses(OrderNotHeardOf, UnknownParameter)
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        demand_known(request, self.Time)
        at = _valid(self.Time, request).get("at") or timezone.now()
        found = queries.order_at(order_id=order_id, at=at)
        if found is None:
            raise OrderNotHeardOf
        return Response(found)


def _valid(form_class: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    form = form_class(data=request.query_params)
    form.is_valid(raise_exception=True)
    found: dict[str, Any] = form.validated_data
    return found
