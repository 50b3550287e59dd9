"""Payments for support: parse, make one call, render."""

from __future__ import annotations

import datetime as dt
import functools
import uuid
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.payment import gateway as gateways
from apps.payment import queries, usecases
from apps.payment.models import Circuit, Kind, Operation, Payment, WrongPaymentState
from kernel.money import MAX_AMOUNT
from kernel.rest.declarations import refuses, sends
from kernel.rest.etags import answer
from kernel.rest.fields import QueryForm, StrictSerializer
from kernel.rest.idempotency import idempotent
from kernel.rest.paging import page
from kernel.rest.roles import role
from kernel.transactions import transaction


class MoneyOutput(serializers.Serializer):
    amount = serializers.IntegerField()
    currency = serializers.CharField()


class PaymentOutput(serializers.Serializer):
    order_id = serializers.UUIDField()
    state = serializers.ChoiceField(Payment.State.choices)
    gateway = serializers.CharField()
    target = MoneyOutput(help_text="The order's newest total.")
    authorized = MoneyOutput()
    captured = MoneyOutput()
    refunded = MoneyOutput()
    held_until = serializers.DateTimeField(
        allow_null=True, help_text="When the gateway releases what it holds, by itself."
    )
    reason = serializers.CharField(help_text="Why it was declined, or why the capture failed.")
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class OperationOutput(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(Kind.choices)
    state = serializers.ChoiceField(Operation.State.choices)
    amount = serializers.IntegerField()
    reason = serializers.CharField(help_text="Why it was asked for.")
    refusal = serializers.CharField(help_text="Why the gateway refused.")
    created_at = serializers.DateTimeField()
    answered_at = serializers.DateTimeField(allow_null=True)


class PaymentList(APIView):
    permission_classes = [role("support")]

    class Query(QueryForm):
        order = serializers.UUIDField(required=False)
        state = serializers.ChoiceField(Payment.State.choices, required=False)

    class Output(serializers.Serializer):
        results = PaymentOutput(many=True)
        next = serializers.URLField(allow_null=True)

    @extend_schema(
        operation_id="list_payments",
        summary="List payments",
        description="Newest orders first.",
        parameters=[Query],
        responses=Output,
    )
    def get(self, request: Request) -> Response:
        query = self.Query(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        rows = queries.payments(order_id=asked.get("order"), state=asked.get("state"))
        return page(request, rows, order=("-order_id",), render=_payment, known=[self.Query])


class PaymentDetail(APIView):
    permission_classes = [role("support")]

    class Output(PaymentOutput):
        operations = OperationOutput(many=True, help_text="The newest hundred, newest first.")

    @extend_schema(
        operation_id="get_payment",
        summary="Read a payment",
        description="With all that was asked of its gateway.",
        responses=Output,
    )
    @refuses(usecases.PaymentNotFound)
    @sends("ETag")
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        row = queries.payment(order_id)
        if row is None:
            raise usecases.PaymentNotFound
        operations = [_operation(found) for found in queries.operations(order_id)]
        return answer(request, {**_payment(row), "operations": operations}, version=row["version"])


class Refunds(APIView):
    permission_classes = [role("support")]

    class Input(StrictSerializer):
        amount = serializers.IntegerField(min_value=1, max_value=MAX_AMOUNT)
        reason = serializers.CharField(max_length=500)

    @extend_schema(
        operation_id="refund_payment",
        summary="Give money back",
        description="`amount` is in minor units of the payment's currency. It is asked of the"
        " gateway; `PaymentRefunded` follows once that did it.",
        request=Input,
        responses={202: OperationOutput},
    )
    @refuses(usecases.PaymentNotFound, WrongPaymentState, usecases.RefundTooLarge)
    @idempotent
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        operation = usecases.request_refund(
            order_id=order_id, at=timezone.now(), **form.validated_data
        )
        return _accepted(operation)


class CaptureRetries(APIView):
    permission_classes = [role("support")]

    @extend_schema(
        operation_id="retry_capture",
        summary="Ask once more to capture what the gateway refused",
        request=None,
        responses={202: OperationOutput},
    )
    @refuses(usecases.PaymentNotFound, WrongPaymentState, usecases.OperationInProgress)
    @idempotent
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        return _accepted(usecases.retry_capture(order_id=order_id, at=timezone.now()))


class Retries(APIView):
    permission_classes = [role("support")]

    @extend_schema(
        operation_id="retry_refused",
        summary="Ask once more for what the gateway refused, such as to release money",
        description="A capture is retried at `/capture-retries`.",
        request=None,
        responses={202: OperationOutput},
    )
    @refuses(usecases.PaymentNotFound, usecases.NothingRefused, usecases.OperationInProgress)
    @idempotent
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        return _accepted(usecases.retry_refused(order_id=order_id, at=timezone.now()))


class WriteOffs(APIView):
    permission_classes = [role("support")]

    class Input(StrictSerializer):
        reason = serializers.CharField(max_length=500)

    @extend_schema(
        operation_id="write_off_payment",
        summary="Give up money that can't be captured",
        description="What is held for it is released.",
        request=Input,
        responses={202: OperationOutput},
    )
    @refuses(usecases.PaymentNotFound, WrongPaymentState, usecases.OperationInProgress)
    @idempotent
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        operation = usecases.write_off(
            order_id=order_id, reason=form.validated_data["reason"], at=timezone.now()
        )
        return _accepted(operation)


class GatewayOutput(serializers.Serializer):
    gateway = serializers.CharField()
    state = serializers.ChoiceField(
        Circuit.State.choices, help_text="`open`: it was silent, and nobody calls it."
    )
    failures = serializers.IntegerField(help_text="Calls in a row without an answer.")
    opened_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField()
    last_error_at = serializers.DateTimeField(allow_null=True)


class Gateways(APIView):
    permission_classes = [role("support")]

    class Output(serializers.Serializer):
        results = GatewayOutput(many=True)
        next = serializers.URLField(allow_null=True)

    @extend_schema(
        operation_id="list_gateways",
        summary="See which gateways answer",
        responses=Output,
    )
    def get(self, request: Request) -> Response:
        render = functools.partial(_gateway, at=timezone.now())
        return page(request, queries.circuits(), order=("gateway",), render=render)


class Webhooks(APIView):
    authentication_classes = ()  # the signature says who it is
    throttle_classes = ()  # the gateway has one address, and no patience
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="hear_gateway",
        summary="Hear from a gateway",
        description="A payment changed there: it is soon asked what became of it. Stripe signs as"
        " its documents say (`Stripe-Signature`). Of payment_3p:"
        " `X-Webhook-Signature` is `sha256=` and the hex HMAC-SHA256, under the shared secret, of"
        " `X-Webhook-Timestamp`, a full stop, and the body.",
        request=OpenApiTypes.OBJECT,
        responses={204: OpenApiResponse(description="Heard, whatever it speaks of.")},
    )
    @refuses(gateways.UntrustedWebhook)
    def post(self, request: Request, gateway: str) -> Response:
        at = timezone.now()
        operation_id = gateways.read_webhook(
            gateway,
            body=request.body,
            headers=request.headers,
            at=at,
        )
        if operation_id:
            with transaction():
                usecases.note_webhook(operation_id=operation_id, at=at)
        return Response(status=204)


def _payment(row: dict[str, Any]) -> dict[str, Any]:
    names = ("order_id", "state", "gateway", "held_until", "reason", "version")
    times = ("created_at", "updated_at")
    amounts = ("target", "authorized", "captured", "refunded")
    money = {name: {"amount": row[name], "currency": row["currency"]} for name in amounts}
    return {**{name: row[name] for name in (*names, *times)}, **money}


def _operation(row: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "kind", "state", "amount", "reason", "refusal", "created_at", "answered_at")
    return {name: row[name] for name in names}


def _gateway(circuit: Circuit, *, at: dt.datetime) -> dict[str, Any]:
    names = ("gateway", "failures", "opened_at", "last_error", "last_error_at")
    told = {name: getattr(circuit, name) for name in names}
    return {**told, "state": circuit.state_at(at)}


def _accepted(operation: Operation) -> Response:
    return Response(_operation(vars(operation)), status=202)
