"""What staff ask for; the gateway hears of it behind OperationRequested."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import ClassVar

from django.db.models import Sum

from apps.payment.events import OperationRequested, PaymentWrittenOff
from apps.payment.models import Kind, Operation, Payment
from apps.payment.usecases.wishes import was_refused, write_wish
from kernel.bus.outbox import publish
from kernel.refusals import Refusal
from kernel.transactions import transaction_required


class PaymentNotFound(Refusal):
    """There is no payment of this order."""

    status = 404


class RefundTooLarge(Refusal):
    """More than what is left of the captured amount can't be refunded."""

    members: ClassVar = {"refundable": int}


class OperationInProgress(Refusal):
    """The gateway has not answered what was asked before: wait for it."""


class NothingRefused(Refusal):
    """The gateway has refused nothing that is still to be done."""


@transaction_required
def request_refund(*, order_id: uuid.UUID, amount: int, reason: str, at: dt.datetime) -> Operation:
    """
    Ask for a part of what was captured, or all of it, to go back.

    :raises PaymentNotFound, WrongPaymentState:
    :raises RefundTooLarge: counting refunds that the gateway has not answered yet.
    """
    payment = _locked(order_id)
    payment.hears("refund_requested")
    waiting = payment.operations.filter(kind=Kind.REFUND, state=Operation.State.WISHED)
    refundable = payment.captured - payment.refunded
    refundable -= waiting.aggregate(total=Sum("amount", default=0))["total"]
    if amount > refundable:
        raise RefundTooLarge(refundable=refundable)
    return _request(payment, Kind.REFUND, amount, reason=reason, at=at)


@transaction_required
def retry_capture(*, order_id: uuid.UUID, at: dt.datetime) -> Operation:
    """
    Ask once more to capture what the gateway refused to capture.

    :raises PaymentNotFound, WrongPaymentState, OperationInProgress:
    """
    payment = _locked(order_id)
    payment.hears("capture_retried")
    _demand_nothing_open(payment)
    return _request(payment, Kind.CAPTURE, payment.target, reason="retried", at=at)


@transaction_required
def write_off(*, order_id: uuid.UUID, reason: str, at: dt.datetime) -> Operation:
    """
    Give up money that can't be captured: what is held for it is released.

    :raises PaymentNotFound, WrongPaymentState, OperationInProgress:
    """
    payment = _locked(order_id)
    payment.hears("written_off")
    _demand_nothing_open(payment)
    publish(
        PaymentWrittenOff(
            occurred_at=at,
            order_id=payment.order_id,
            amount=payment.target,
            currency=payment.currency,
            reason=reason,
        )
    )
    return _request(payment, Kind.VOID, payment.authorized, reason=reason, at=at)


@transaction_required
def retry_refused(*, order_id: uuid.UUID, at: dt.datetime) -> Operation:
    """
    Ask once more for what is still to be done and the gateway refused to do, as to release money.

    A capture that was refused is retried by `retry_capture`.

    :raises PaymentNotFound, NothingRefused, OperationInProgress:
    """
    payment = _locked(order_id)
    _demand_nothing_open(payment)
    due = payment.due()
    if due is None or not was_refused(payment=payment, due=due):
        raise NothingRefused
    return _request(payment, due.kind, due.amount, reason=due.reason or "retried", at=at)


def _locked(order_id: uuid.UUID) -> Payment:
    payment = Payment.objects.select_for_update().filter(order_id=order_id).first()
    if payment is None:
        raise PaymentNotFound
    return payment


def _demand_nothing_open(payment: Payment) -> None:
    if payment.operations.filter(state=Operation.State.WISHED).exists():
        raise OperationInProgress


def _request(
    payment: Payment, kind: Kind, amount: int, *, reason: str, at: dt.datetime
) -> Operation:
    operation = write_wish(payment=payment, kind=kind, amount=amount, reason=reason, at=at)
    payment.store(at=at)
    publish(
        OperationRequested(occurred_at=at, order_id=payment.order_id, operation_id=operation.id)
    )
    return operation
