"""The warehouse's REST endpoints: parse, make one call, render."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.warehouse import queries, usecases
from apps.warehouse.models import PackagingNotAllowed, UnknownPackagingRequest
from kernel.bus import context
from kernel.rest.declarations import IF_MATCH, refuses, sends
from kernel.rest.etags import answer, etag, if_match
from kernel.rest.fields import QueryForm, StrictSerializer
from kernel.rest.idempotency import idempotent
from kernel.rest.paging import page
from kernel.rest.roles import role
from kernel.transactions import transaction

STATES = ("new", "in_progress", "completed", "failed", "cancelled")


@extend_schema_serializer(component_name="Stock")
class StockOutput(serializers.Serializer):
    product_id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    on_hand = serializers.IntegerField()
    reserved = serializers.IntegerField()
    free = serializers.IntegerField(help_text="On hand and not reserved.")
    version = serializers.IntegerField()


class StockPage(serializers.Serializer):
    results = StockOutput(many=True)
    next = serializers.URLField(allow_null=True)


@extend_schema_serializer(component_name="StockLevel")
class StockLevelOutput(serializers.Serializer):
    product_id = serializers.UUIDField()
    on_hand = serializers.IntegerField()
    reserved = serializers.IntegerField()
    free = serializers.IntegerField()
    version = serializers.IntegerField()


@extend_schema_serializer(component_name="PackagingLine")
class PackagingLineOutput(serializers.Serializer):
    product_id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    ordered = serializers.IntegerField()
    packed = serializers.IntegerField()


@extend_schema_serializer(component_name="PackagingRequest")
class PackagingRequestOutput(serializers.Serializer):
    order_id = serializers.UUIDField()
    state = serializers.ChoiceField([state.upper() for state in STATES])
    lines = PackagingLineOutput(many=True)
    confirmed_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField()


class PackagingRequestPage(serializers.Serializer):
    results = PackagingRequestOutput(many=True)
    next = serializers.URLField(allow_null=True)


class WarehouseView(APIView):
    permission_classes = [role("warehouse")]


class StockList(WarehouseView):
    class Query(QueryForm):
        product_id = serializers.UUIDField(required=False)
        code = serializers.CharField(required=False, max_length=200)

    @extend_schema(
        operation_id="list_stock",
        summary="List the stock",
        description="Of all products, or of one.",
        parameters=[Query],
        responses={200: StockPage},
    )
    def get(self, request: Request) -> Response:
        asked = self.Query(data=request.query_params)
        asked.is_valid(raise_exception=True)
        rows = queries.stock(**asked.validated_data)
        return page(
            request, rows, order=("product_id",), render=queries.render_stock, known=[self.Query]
        )


class StockAdjustments(WarehouseView):
    @extend_schema_serializer(component_name="StockAdjustment")
    class Input(StrictSerializer):
        delta = serializers.IntegerField(
            min_value=-1_000_000, max_value=1_000_000, help_text="Units that came, or (-) went."
        )
        reason = serializers.CharField(max_length=200)

        def validate_delta(self, value: int) -> int:
            if value == 0:
                raise serializers.ValidationError("An adjustment changes something.")
            return value

    @extend_schema(
        operation_id="adjust_stock",
        summary="Change the stock of a product",
        description="Add to it or take from it, with a reason for the ledger.",
        request=Input,
        responses={201: StockLevelOutput},
    )
    @refuses(usecases.UnknownProduct, usecases.StockTooLow, usecases.StockTooHigh)
    @idempotent
    def post(self, request: Request, product_id: uuid.UUID) -> Response:
        asked = self.Input(data=request.data)
        asked.is_valid(raise_exception=True)
        level = usecases.adjust_stock(
            product_id=product_id,
            **asked.validated_data,
            actor=context.current().actor,
            at=timezone.now(),
        )
        return Response(StockLevelOutput(level).data, status=201)


class PackagingRequestList(WarehouseView):
    class Query(QueryForm):
        state = serializers.ChoiceField(STATES, required=False)

    @extend_schema(
        operation_id="list_packaging_requests",
        summary="List what is to be packed",
        description="Those of the oldest orders first.",
        parameters=[Query],
        responses={200: PackagingRequestPage},
    )
    def get(self, request: Request) -> Response:
        asked = self.Query(data=request.query_params)
        asked.is_valid(raise_exception=True)
        state = asked.validated_data.get("state", "").upper()
        rows = queries.packaging_requests(state=state)
        return page(
            request,
            rows,
            order=("order_id",),
            render=queries.render_packaging_request,
            known=[self.Query],
        )


class PackagingRequestDetail(WarehouseView):
    @extend_schema(
        operation_id="get_packaging_request",
        summary="Read what is to be packed for an order",
        responses={200: PackagingRequestOutput},
    )
    @refuses(UnknownPackagingRequest)
    @sends("ETag")
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        body = queries.packaging_request(order_id)
        return answer(request, body, version=body["version"])


class PackagingStart(WarehouseView):
    @extend_schema(
        operation_id="start_packaging",
        summary="Begin to pack",
        description="At first each line counts as packed in full.",
        request=None,
        responses={200: PackagingRequestOutput},
    )
    @refuses(UnknownPackagingRequest, PackagingNotAllowed)
    @sends("ETag")
    @idempotent
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        usecases.start_packaging(order_id=order_id, at=timezone.now())
        return _with_etag(order_id)


class PackagingComplete(WarehouseView):
    @extend_schema(
        operation_id="complete_packaging",
        summary="Close a package",
        description="With what is in it; with nothing in it the packaging has failed.",
        request=None,
        responses={200: PackagingRequestOutput},
    )
    @refuses(UnknownPackagingRequest, PackagingNotAllowed)
    @sends("ETag")
    @idempotent
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        actor = context.current().actor
        usecases.complete_packaging(order_id=order_id, actor=actor, at=timezone.now())
        return _with_etag(order_id)


class PackagingLineDetail(WarehouseView):
    @extend_schema_serializer(component_name="PackagingCorrection")
    class Input(StrictSerializer):
        quantity = serializers.IntegerField(min_value=0, max_value=1_000_000)

    @extend_schema(
        operation_id="correct_packaging_line",
        summary="Correct what is in a package",
        description="Say how many units are really in it, from 0 to what was ordered.",
        parameters=[IF_MATCH],
        request=Input,
        responses={200: PackagingRequestOutput},
    )
    @refuses(
        UnknownPackagingRequest,
        usecases.UnknownLine,
        PackagingNotAllowed,
        usecases.QuantityTooHigh,
    )
    @sends("ETag")
    def patch(self, request: Request, order_id: uuid.UUID, product_id: uuid.UUID) -> Response:
        asked = self.Input(data=request.data)
        asked.is_valid(raise_exception=True)
        with transaction():
            usecases.correct_line(
                order_id=order_id,
                product_id=product_id,
                quantity=asked.validated_data["quantity"],
                version=if_match(request),
                at=timezone.now(),
            )
            return _with_etag(order_id)


def _with_etag(order_id: uuid.UUID) -> Response:
    body: dict[str, Any] = queries.packaging_request(order_id)
    return Response(body, headers={"ETag": etag(body["version"])})
