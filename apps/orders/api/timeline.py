"""What happened to an order: read page by page, or told as it happens."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.orders import queries, usecases
from apps.orders.api.callers import ORDER_CALLERS, person
from apps.orders.models import Order, What
from apps.orders.streams import admission, asgi
from kernel.rest.declarations import refuses, sends
from kernel.rest.paging import page

LAST_EVENT_ID = [
    OpenApiParameter(
        "Last-Event-ID", str, OpenApiParameter.HEADER, description="Goes on after this event."
    ),
    OpenApiParameter("last_event_id", str, description="The same, where no header can be set."),
]


class OrderTimeline(APIView):
    authentication_classes = ORDER_CALLERS

    @extend_schema_serializer(component_name="OrderTimeline")
    class Output(serializers.Serializer):
        @extend_schema_serializer(component_name="OrderTimelineEntry")
        class Entry(serializers.Serializer):
            at = serializers.DateTimeField()
            what = serializers.ChoiceField(What.choices)
            state = serializers.ChoiceField(Order.State.choices)
            reason = serializers.ChoiceField(Order.CancelReason.choices, allow_null=True)

        results = Entry(many=True)
        next = serializers.URLField(allow_null=True)

    @extend_schema(
        operation_id="get_order_timeline",
        summary="Read what happened to an order",
        description="Oldest first.",
        responses={200: Output},
    )
    @refuses(usecases.OrderNotFound)
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        if not queries.is_visible(order_id=order_id, person_id=person(request)):
            raise usecases.OrderNotFound
        rows = queries.timeline(order_id=order_id)
        return page(request, rows, order=("id",), render=queries.entry)


class OrderStream(APIView):
    authentication_classes = ORDER_CALLERS

    class Whatever(BaseContentNegotiation):
        """Takes no offence at `Accept: text/event-stream`: refusals are JSON nevertheless."""

        def select_parser(self, request: Request, parsers: Any) -> Any:
            return parsers[0]

        def select_renderer(self, request: Request, renderers: Any, *_: Any) -> Any:
            return renderers[0], renderers[0].media_type

    content_negotiation_class = Whatever

    @extend_schema(
        operation_id="stream_order",
        summary="Be told what happens to an order",
        description="What has happened, and then what happens, as server-sent events.",
        parameters=[*LAST_EVENT_ID],
        responses={
            (200, "text/event-stream"): OpenApiResponse(
                OpenApiTypes.STR,
                description="Where the redirect leads. Each event's `id` is for Last-Event-ID, its"
                " `event` is the `what` of a timeline's entry, and its `data` is that entry. The"
                " event `end` says that no more will come: don't connect again. A stream that"
                " ends without it is to be asked for here again, with Last-Event-ID.",
            ),
            307: OpenApiResponse(description="Leads to the stream; `Authorization` may be lost."),
        },
    )
    @refuses(
        usecases.OrderNotFound,
        admission.InvalidLastEventId,
        admission.InvalidTicket,
        asgi.TooManyStreamsOfOrder,
        asgi.TooManyStreams,
        asgi.Stopping,
    )
    @sends("Location")
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        if not queries.is_visible(order_id=order_id, person_id=person(request)):
            raise usecases.OrderNotFound
        after = admission.last_event_id(
            request.headers.get("Last-Event-ID"), request.query_params.get("last_event_id")
        )
        where = admission.address(order_id=order_id, after=after, at=timezone.now())
        return Response(status=307, headers={"Location": where, "Cache-Control": "no-store"})
