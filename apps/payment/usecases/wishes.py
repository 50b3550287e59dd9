"""Wishes: written before a gateway is called, answered once, watched until then."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid

from django.conf import settings
from django.db.models import F, Value
from django.db.models.functions import Greatest, Least

from apps.payment import gateway as gateways
from apps.payment.events import (
    OperationRequested,
    PaymentAmended,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentCaptureFailed,
    PaymentDeclined,
    PaymentLapsed,
    PaymentRefunded,
    PaymentVoided,
)
from apps.payment.gateway import Accepted, Refused, Wish
from apps.payment.models import Amounts, Circuit, Due, Kind, LedgerEntry, Operation, Payment
from apps.payment.usecases.circuits import note_that_it_answers
from kernel import limits
from kernel.bus.event import Event
from kernel.bus.outbox import publish
from kernel.transactions import transaction_required

# Gateways forget keys after a day at the earliest: half of that is safe.
KEY_LIFETIME = dt.timedelta(hours=12)
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
            accept(payment=payment, operation=operation, answer=answer, at=at)
        else:
            _refuse(payment, operation, answer.reason, at=at)
        payment.store(at=at)
    note_that_it_answers(gateway=payment.gateway, at=at)
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
        operation.wait(at=at)
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
    """
    Return the locked payment's oldest open wish, else a new one for what is due, if anything.

    What is wished of a gateway that is left alone waits for the watch.
    """
    still_open = payment.operations.filter(state=Operation.State.WISHED)
    operation = still_open.order_by("id").first() or _wish_for_what_is_due(payment, at=at)
    if operation is None or not Circuit.lets_through(payment.gateway, at=at):
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
        reference=payment.reference,
        may_be_forgotten=is_old,
    )


@transaction_required
def write_wish(
    *, payment: Payment, kind: Kind, amount: int, reason: str, at: dt.datetime
) -> Operation:
    """Write down what is to be asked of the gateway."""
    operation = Operation(payment=payment, kind=kind, amount=amount, reason=reason, created_at=at)
    operation.wait(at=at)
    operation.save(force_insert=True)
    return operation


@transaction_required
def tell_missed_capture(*, payment: Payment, at: dt.datetime) -> None:
    """Tell it if the order is fulfilled and what was held for it has lapsed."""
    if payment.miss_capture():
        publish(
            PaymentCaptureFailed(occurred_at=at, order_id=payment.order_id, reason=payment.reason)
        )


@transaction_required
def was_refused(*, payment: Payment, due: Due) -> bool:
    """Say whether the gateway has refused just this."""
    refused = payment.operations.filter(state=Operation.State.REFUSED)
    return refused.filter(kind=due.kind, amount=due.amount).exists()


@transaction_required
def accept(*, payment: Payment, operation: Operation, answer: Accepted, at: dt.datetime) -> bool:
    """Write that the gateway did it, in the ledger too; return whether it counts."""
    operation.close(refusal=None, at=at, fee=answer.fee)
    before = Amounts.of(payment)
    counts = payment.accept(operation.kind, operation.amount)
    if counts:
        after = dataclasses.replace(Amounts.of(payment), fee=answer.fee or 0)
        LedgerEntry.post(operation, before=before, after=after, at=at)
        if operation.kind == Kind.AUTHORIZE:
            lifetime = settings.HOLD_LIFETIMES[payment.gateway]
            payment.reference = answer.reference
            payment.held_until = answer.held_until or at + lifetime
        publish(_event_of(payment, operation, at=at))
    tell_missed_capture(payment=payment, at=at)
    return counts


def _wish_for_what_is_due(payment: Payment, *, at: dt.datetime) -> Operation | None:
    due = payment.due()
    if due is None or (due.kind == Kind.AMEND and not gateways.lowers_holds(payment.gateway)):
        return None
    # What the gateway has refused is not asked of it again by itself: that is for staff.
    if was_refused(payment=payment, due=due):
        return None
    return write_wish(payment=payment, kind=due.kind, amount=due.amount, reason=due.reason, at=at)


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
            has_lapsed = payment.state == Payment.State.LAPSED
            return (PaymentLapsed if has_lapsed else PaymentVoided)(
                occurred_at=at, order_id=order_id
            )
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
