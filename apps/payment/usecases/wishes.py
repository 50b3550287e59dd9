"""Wishes: written before a gateway is called, answered once, watched until then."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db.models import F, Value
from django.db.models.functions import Greatest, Least

from apps.payment.events import (
    OperationRequested,
    PaymentAmended,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentCaptureFailed,
    PaymentDeclined,
    PaymentRefunded,
    PaymentVoided,
)
from apps.payment.gateway import Accepted, Refused, Wish
from apps.payment.models import Kind, Operation, Payment
from kernel import limits
from kernel.bus.event import Event
from kernel.bus.outbox import publish
from kernel.transactions import transaction_required

# Gateways forget keys after a day at the earliest: half of that is safe.
KEY_LIFETIME = dt.timedelta(hours=12)
# The watch asks again when a wish's age has doubled, within these bounds.
SHORTEST_PAUSE, LONGEST_PAUSE = dt.timedelta(minutes=1), dt.timedelta(hours=1)
MAX_ASKED_AGAIN = 500
# A call has been answered by then, or never is.
CALL = dt.timedelta(seconds=limits.CONNECT_SECONDS + limits.READ_SECONDS)


@transaction_required
def take_answer(
    *,
    order_id: uuid.UUID,
    operation_id: uuid.UUID,
    answer: Accepted | Refused,
    at: dt.datetime,
) -> Wish | None:
    """Write a gateway's answer, unless it is known; return what is to be asked next."""
    payment = Payment.objects.select_for_update().get(order_id=order_id)
    operation = payment.operations.get(id=operation_id)
    if operation.is_open:
        if isinstance(answer, Accepted):
            _accept(payment, operation, at=at)
        else:
            _refuse(payment, operation, answer.reason, at=at)
        payment.store(at=at)
    return next_wish(payment=payment, at=at)


@transaction_required
def resume_operation(*, order_id: uuid.UUID, at: dt.datetime) -> Wish | None:
    """Return what is to be asked of the gateway for this order, if anything."""
    payment = Payment.objects.select_for_update().get(order_id=order_id)
    return next_wish(payment=payment, at=at)


@transaction_required
def ask_again(*, at: dt.datetime) -> int:
    """Put wishes that have been open for too long on the queue again; return how many."""
    due = Operation.objects.filter(state=Operation.State.WISHED, next_ask_at__lte=at)
    due = due.select_for_update(skip_locked=True).order_by("next_ask_at")
    operations = list(due[:MAX_ASKED_AGAIN])
    for operation in operations:
        age = at - operation.created_at
        operation.next_ask_at = at + min(max(age, SHORTEST_PAUSE), LONGEST_PAUSE)
        publish(
            OperationRequested(
                occurred_at=at, order_id=operation.payment_id, operation_id=operation.id
            )
        )
    Operation.objects.bulk_update(operations, ["next_ask_at"])
    return len(operations)


@transaction_required
def note_webhook(*, operation_id: uuid.UUID, at: dt.datetime) -> None:
    """
    Let a gateway that speaks of an open wish soon be asked what became of it: it knows the key.

    What a webhook says is never taken for the answer itself. And while a call may be under way its
    answer is waited for, or each operation would be asked for twice.
    """
    answered_at = Greatest(Value(at), F("asked_at") + CALL)
    Operation.objects.filter(id=operation_id, state=Operation.State.WISHED).update(
        next_ask_at=Least("next_ask_at", answered_at)
    )


@transaction_required
def next_wish(*, payment: Payment, at: dt.datetime) -> Wish | None:
    """Return the locked payment's oldest open wish, else a new one for what is due, if anything."""
    still_open = payment.operations.filter(state=Operation.State.WISHED)
    operation = still_open.order_by("id").first() or _wish_for_what_is_due(payment, at=at)
    if operation is None:
        return None
    is_old = operation.tries > 0 and at - operation.created_at > KEY_LIFETIME
    operation.note_call(at=at)
    return Wish(
        id=operation.id,
        order_id=payment.order_id,
        kind=operation.kind,
        gateway=payment.gateway,
        token=payment.token,
        amount=operation.amount,
        currency=payment.currency,
        may_be_forgotten=is_old,
    )


@transaction_required
def write_wish(
    *, payment: Payment, kind: Kind, amount: int, reason: str, at: dt.datetime
) -> Operation:
    """Write down what is to be asked of the gateway."""
    return Operation.objects.create(
        payment=payment,
        kind=kind,
        amount=amount,
        reason=reason,
        created_at=at,
        next_ask_at=at + SHORTEST_PAUSE,
    )


def _wish_for_what_is_due(payment: Payment, *, at: dt.datetime) -> Operation | None:
    due = payment.due()
    if due is None:
        return None
    # What the gateway has refused is not asked of it again by itself: that is for staff.
    refused = payment.operations.filter(
        kind=due.kind, amount=due.amount, state=Operation.State.REFUSED
    )
    if refused.exists():
        return None
    return write_wish(payment=payment, kind=due.kind, amount=due.amount, reason=due.reason, at=at)


def _accept(payment: Payment, operation: Operation, *, at: dt.datetime) -> None:
    operation.close(refusal=None, at=at)
    if payment.accept(operation.kind, operation.amount):
        publish(_event_of(payment, operation, at=at))


def _refuse(payment: Payment, operation: Operation, reason: str, *, at: dt.datetime) -> None:
    operation.close(refusal=reason, at=at)
    if not payment.refuse(operation.kind, reason):
        return
    kind = PaymentDeclined if operation.kind == Kind.AUTHORIZE else PaymentCaptureFailed
    publish(kind(occurred_at=at, order_id=payment.order_id, reason=payment.reason))


def _event_of(payment: Payment, operation: Operation, *, at: dt.datetime) -> Event:
    order_id, amount, currency = payment.order_id, operation.amount, payment.currency
    match Kind(operation.kind):
        case Kind.AUTHORIZE:
            return PaymentAuthorized(
                occurred_at=at,
                order_id=order_id,
                amount=amount,
                currency=currency,
                gateway=payment.gateway,
            )
        case Kind.AMEND:
            return PaymentAmended(
                occurred_at=at, order_id=order_id, amount=amount, currency=currency
            )
        case Kind.CAPTURE:
            return PaymentCaptured(
                occurred_at=at, order_id=order_id, amount=amount, currency=currency
            )
        case Kind.VOID:
            return PaymentVoided(occurred_at=at, order_id=order_id)
        case Kind.REFUND:
            return PaymentRefunded(
                occurred_at=at,
                order_id=order_id,
                refund_id=operation.id,
                amount=amount,
                refunded_total=payment.refunded,
                currency=currency,
                reason=operation.reason,
            )
