"""What staff do about a difference between a gateway's books and ours."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid

from apps.payment.events import DifferenceSettled, OperationRequested, RemedyRequested
from apps.payment.gateway import Accepted, Refused, Wish
from apps.payment.models import (
    Amounts,
    Difference,
    LedgerEntry,
    Operation,
    Payment,
    Remedy,
    RemedyImpossible,
)
from apps.payment.usecases.comparing import uuid_or_none
from apps.payment.usecases.reconciliation import wish_of
from apps.payment.usecases.wishes import accept, take_answer
from kernel.bus.outbox import publish
from kernel.ids import new_id
from kernel.refusals import Refusal
from kernel.transactions import transaction_required


class DifferenceNotFound(Refusal):
    """There is no such difference."""

    status = 404


class NotTakenOver(Refusal):
    """The payment's state doesn't allow what the gateway did: undo it there, or accept it."""


class NoReason(Refusal):
    """Who accepts a difference says why."""


@transaction_required
def ask_gateway_again(*, difference_id: uuid.UUID, at: dt.datetime) -> None:
    """
    Let the gateway be asked once more for what it doesn't show, or has not answered.

    :raises DifferenceNotFound, DifferenceNotOpen, RemedyImpossible:
    """
    _request(_locked(difference_id), Remedy.ASK_AGAIN, at=at)


@transaction_required
def undo_at_gateway(*, difference_id: uuid.UUID, at: dt.datetime) -> None:
    """
    Let the gateway release what it holds, or give back what it took, of which we don't know.

    :raises DifferenceNotFound, DifferenceNotOpen, RemedyImpossible:
    """
    _request(_locked(difference_id), Remedy.UNDO, at=at)


@transaction_required
def accept_difference(*, difference_id: uuid.UUID, reason: str, at: dt.datetime) -> None:
    """
    Leave a difference as it is; it is not shown again.

    :raises DifferenceNotFound, DifferenceNotOpen, NoReason:
    """
    difference = _locked(difference_id)
    difference.demand(Remedy.ACCEPT)
    if not reason.strip():
        raise NoReason
    _settle(difference, Remedy.ACCEPT, reason=reason.strip(), at=at)


@transaction_required
def take_over(*, difference_id: uuid.UUID, at: dt.datetime) -> None:
    """
    Let our books say what the gateway did.

    :raises DifferenceNotFound, DifferenceNotOpen, RemedyImpossible, NotTakenOver:
    """
    difference = _locked(difference_id)
    difference.demand(Remedy.TAKE_OVER)
    if difference.payment_id is None:
        raise RemedyImpossible
    payment = Payment.objects.select_for_update().get(order_id=difference.payment_id)
    operation = _operation_of(difference, payment, at=at)
    if difference.is_outlived_by(operation):
        difference.vanish()
        return
    if difference.kind in {Difference.Kind.MISSING_HERE, Difference.Kind.STATE_DIFFERS}:
        _count(difference, payment, operation, at=at)
    else:
        _correct(difference, payment, operation, at=at)
    difference.operation = operation
    payment.store(at=at)
    _settle(difference, Remedy.TAKE_OVER, at=at)
    # What is due from now on, such as the capture behind an authorization, is to be asked for.
    publish(
        OperationRequested(occurred_at=at, order_id=payment.order_id, operation_id=operation.id)
    )


@transaction_required
def begin_remedy(*, difference_id: uuid.UUID, at: dt.datetime) -> Wish | None:
    """Return what is to be asked of the gateway for a difference; None if nothing is any more."""
    difference = _locked(difference_id)
    if difference.state != Difference.State.ASKED:
        return None
    if difference.remedy == Remedy.UNDO:
        return _undoing(difference)
    operation = difference.operation
    if operation is None:
        return None
    if difference.is_outlived_by(operation):
        difference.vanish()
        return None
    return wish_of(operation)


@transaction_required
def finish_remedy(
    *, difference_id: uuid.UUID, answer: Accepted | Refused, at: dt.datetime
) -> Wish | None:
    """Write what the gateway answered; return what is to be asked of it next, if anything."""
    difference = _locked(difference_id)
    if difference.state != Difference.State.ASKED:
        return None
    operation, following = difference.operation, None
    is_open = operation is not None and operation.is_open
    if operation and is_open:
        following = take_answer(
            order_id=operation.payment_id, operation_id=operation.id, answer=answer, at=at
        )
    if isinstance(answer, Refused) and not is_open:
        difference.fail(answer.reason)
    else:
        _settle(difference, Remedy(difference.remedy), at=at)
    return following


def _locked(difference_id: uuid.UUID) -> Difference:
    found = Difference.objects.select_for_update().filter(id=difference_id).first()
    if found is None:
        raise DifferenceNotFound
    return found


def _request(difference: Difference, remedy: Remedy, *, at: dt.datetime) -> None:
    difference.demand(remedy)
    difference.ask(remedy, at=at)
    publish(
        RemedyRequested(occurred_at=at, difference_id=difference.id, order_id=difference.payment_id)
    )


def _settle(difference: Difference, remedy: Remedy, *, at: dt.datetime, reason: str = "") -> None:
    difference.settle(remedy, reason=reason, at=at)
    publish(
        DifferenceSettled(
            occurred_at=at,
            difference_id=difference.id,
            order_id=difference.payment_id,
            gateway=difference.gateway,
            kind=difference.kind,
            remedy=remedy,
            reason=reason,
        )
    )


def _undoing(difference: Difference) -> Wish:
    """Return the wish that undoes it; its id is the difference's, which the books then show."""
    return Wish(
        id=difference.id,
        order_id=difference.payment_id or difference.id,
        kind=difference.UNDOING[difference.doing],
        gateway=difference.gateway,
        token=difference.token,
        amount=difference.their_amount or 0,
        currency=difference.currency,
        reference=difference.payment_reference,
        may_be_forgotten=True,
    )


def _operation_of(difference: Difference, payment: Payment, *, at: dt.datetime) -> Operation:
    """Return our operation; of what the gateway did without us a new one, by its name there."""
    if difference.operation_id:
        return payment.operations.select_for_update().get(id=difference.operation_id)
    reference = uuid_or_none(difference.reference) or new_id()
    is_taken = Operation.objects.filter(id=reference).exists()
    return Operation(
        id=new_id() if is_taken else reference,
        payment=payment,
        kind=difference.doing,
        created_at=at,
        next_ask_at=at,
        reason="done at the gateway",
        state=Operation.State.DONE,
        answered_at=at,
    )


def _count(
    difference: Difference, payment: Payment, operation: Operation, *, at: dt.datetime
) -> None:
    """Let what the gateway did count here."""
    if operation.kind != difference.doing:
        raise RemedyImpossible
    operation.amount = difference.their_amount or 0
    operation.save()
    answer = Accepted(reference=difference.payment_reference, fee=difference.their_fee)
    if not accept(payment=payment, operation=operation, answer=answer, at=at):
        raise NotTakenOver
    _demand_sound(payment)


def _correct(
    difference: Difference, payment: Payment, operation: Operation, *, at: dt.datetime
) -> None:
    """Let an amount and a fee of ours be the gateway's."""
    ours = (operation.kind, payment.currency, payment.token)
    if ours != (difference.doing, difference.currency, difference.token):
        raise RemedyImpossible
    before = dataclasses.replace(Amounts.of(payment), fee=operation.fee or 0)
    amount = difference.their_amount or 0
    fee = operation.fee if difference.their_fee is None else difference.their_fee
    payment.correct(operation.kind, by=amount - operation.amount)
    operation.correct(amount=amount, fee=fee)
    _demand_sound(payment)
    after = dataclasses.replace(Amounts.of(payment), fee=fee or 0)
    LedgerEntry.post(operation, before=before, after=after, difference=difference, at=at)


def _demand_sound(payment: Payment) -> None:
    if not 0 <= payment.refunded <= payment.captured <= payment.authorized:
        raise NotTakenOver
