"""The audit over REST: what happened, for support."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.audit import queries
from apps.audit.models import Record
from kernel.rest.paging import page
from kernel.rest.roles import role

ORDERS = {"desc": ("-occurred_at", "-id"), "asc": ("occurred_at", "id")}


class EventCollection(APIView):
    permission_classes = [role("support")]

    class Filters(serializers.Serializer):
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

    class Paging(serializers.Serializer):
        ordering = serializers.ChoiceField(
            choices=sorted(ORDERS), default="desc", help_text="`desc`: newest first."
        )

    @extend_schema_serializer(component_name="AuditEventPage")
    class Output(serializers.Serializer):
        @extend_schema_serializer(component_name="AuditEvent")
        class Item(serializers.Serializer):
            id = serializers.UUIDField()
            type = serializers.CharField()
            subject = serializers.UUIDField()
            order_id = serializers.UUIDField(allow_null=True)
            actor = serializers.CharField()
            request_id = serializers.CharField()
            causation_id = serializers.UUIDField(allow_null=True)
            occurred_at = serializers.DateTimeField()
            recorded_at = serializers.DateTimeField()
            outcome = serializers.ChoiceField(choices=Record.Outcome.choices)
            payload = serializers.DictField(help_text="Personal fields are null.")

        results = Item(many=True)
        next = serializers.URLField(allow_null=True)

    @extend_schema(
        operation_id="audit_events_list",
        summary="What happened, newest first",
        description="Filters add up. Codes: `invalid`, `invalid_cursor`, `invalid_limit` (400).",
        parameters=[Filters, Paging],
        responses=Output,
    )
    def get(self, request: Request) -> Response:
        filters = _valid(self.Filters, request)
        ordering = _valid(self.Paging, request)["ordering"]
        return page(
            request, queries.events(**filters), order=ORDERS[ordering], render=queries.render
        )


def _valid(form_class: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    form = form_class(data=request.query_params)
    form.is_valid(raise_exception=True)
    found: dict[str, Any] = form.validated_data
    return found
