"""Payments for support: parse, make one call, render."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.payment import gateway as gateways
from apps.payment import queries, usecases
from apps.payment.models import Kind, Operation, Payment
from kernel.money import MAX_AMOUNT
from kernel.rest.etags import answer
from kernel.rest.fields import StrictSerializer
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

    class Query(serializers.Serializer):
        order = serializers.UUIDField(required=False)
        state = serializers.ChoiceField(Payment.State.choices, required=False)

    class Output(serializers.Serializer):
        results = PaymentOutput(many=True)
        next = serializers.URLField(allow_null=True)

    @extend_schema(
        operation_id="payments_list",
        parameters=[Query, OpenApiParameter("limit", int), OpenApiParameter("cursor", str)],
        responses=Output,
        description="Newest orders first. Errors: `invalid`, `invalid_cursor`, `invalid_limit`.",
    )
    def get(self, request: Request) -> Response:
        query = self.Query(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        rows = queries.payments(order_id=asked.get("order"), state=asked.get("state"))
        return page(request, rows, order=("-order_id",), render=_payment)


class PaymentDetail(APIView):
    permission_classes = [role("support")]

    class Output(PaymentOutput):
        operations = OperationOutput(many=True, help_text="The newest hundred, newest first.")

    @extend_schema(operation_id="payments_retrieve", responses=Output)
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        """Answer a payment with all that was asked of its gateway. Errors: `payment_not_found`."""
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

    @extend_schema(operation_id="payments_refund", request=Input, responses={202: OperationOutput})
    @idempotent
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        """
        Ask for money to go back to the customer; PaymentRefunded follows once the gateway did it.

        `amount` is in minor units of the payment's currency. Errors: `payment_not_found`,
        `wrong_payment_state`, `refund_too_large` (with what is `refundable`).
        """
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        operation = usecases.request_refund(
            order_id=order_id, at=timezone.now(), **form.validated_data
        )
        return _accepted(operation)


class CaptureRetries(APIView):
    permission_classes = [role("support")]

    @extend_schema(
        operation_id="payments_retry_capture", request=None, responses={202: OperationOutput}
    )
    @idempotent
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        """
        Ask once more to capture what the gateway refused to capture.

        Errors: `payment_not_found`, `wrong_payment_state`, `operation_in_progress`.
        """
        return _accepted(usecases.retry_capture(order_id=order_id, at=timezone.now()))


class WriteOffs(APIView):
    permission_classes = [role("support")]

    class Input(StrictSerializer):
        reason = serializers.CharField(max_length=500)

    @extend_schema(
        operation_id="payments_write_off", request=Input, responses={202: OperationOutput}
    )
    @idempotent
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        """
        Give up money that can't be captured: what is held for it is released.

        Errors: `payment_not_found`, `wrong_payment_state`, `operation_in_progress`.
        """
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        operation = usecases.write_off(
            order_id=order_id, reason=form.validated_data["reason"], at=timezone.now()
        )
        return _accepted(operation)


class Webhooks(APIView):
    authentication_classes = ()  # the signature says who it is
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="payments_webhook",
        request=OpenApiTypes.OBJECT,
        responses={204: OpenApiResponse(description="Heard, whatever it speaks of.")},
    )
    def post(self, request: Request, gateway: str) -> Response:
        """
        Hear from a gateway that a payment changed there: it is soon asked what became of it.

        Of payment_3p: `X-Webhook-Signature` is `sha256=` and the hex HMAC-SHA256, under the shared
        secret, of `X-Webhook-Timestamp`, a full stop, and the body. Errors: `untrusted_webhook`.
        """
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
    names = ("order_id", "state", "gateway", "reason", "version", "created_at", "updated_at")
    amounts = ("target", "authorized", "captured", "refunded")
    money = {name: {"amount": row[name], "currency": row["currency"]} for name in amounts}
    return {**{name: row[name] for name in names}, **money}


def _operation(row: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "kind", "state", "amount", "reason", "refusal", "created_at", "answered_at")
    return {name: row[name] for name in names}


def _accepted(operation: Operation) -> Response:
    return Response(_operation(vars(operation)), status=202)
