"""
What payment does when orders speak, and when it spoke to itself.

Each handler notes its fact and carries out what that demands of the gateway: the wish is written
and committed, the gateway called with the wish's id, the answer written; and so on until nothing
is wished. Two handlers of one order may do so at once: the gateway knows the id, and an answer
counts once.
"""

from __future__ import annotations

import structlog
from django.utils import timezone

from apps.orders.events import (
    OrderCancelled,
    OrderFailed,
    OrderFulfilled,
    OrderModified,
    OrderPlaced,
)
from apps.payment import gateway, usecases
from apps.payment.events import OperationRequested
from apps.payment.gateway import Unknown, Wish
from kernel.bus.inbox import Answered
from kernel.bus.subscriptions import handles
from kernel.transactions import transaction

log = structlog.get_logger(__name__)


class GatewaySilent(Exception):
    """The gateway gave no answer that says what it did: the message must come again."""


@handles(OrderPlaced, outside=True)
def authorize_payment(event: OrderPlaced, answered: Answered) -> None:
    with transaction():
        wish = usecases.note_placed(
            order_id=event.order_id,
            version=event.version,
            total=event.terms.total,
            currency=event.terms.currency,
            gateway=event.gateway,
            token=event.payment_token,
            at=timezone.now(),
        )
    _carry_out(wish, answered)


@handles(OrderModified, outside=True)
def amend_payment(event: OrderModified, answered: Answered) -> None:
    with transaction():
        wish = usecases.note_modified(
            order_id=event.order_id,
            version=event.version,
            total=event.new.total,
            currency=event.new.currency,
            at=timezone.now(),
        )
    _carry_out(wish, answered)


@handles(OrderFulfilled, outside=True)
def capture_payment(event: OrderFulfilled, answered: Answered) -> None:
    with transaction():
        wish = usecases.note_fulfilled(
            order_id=event.order_id,
            version=event.version,
            total=event.terms.total,
            currency=event.terms.currency,
            at=timezone.now(),
        )
    _carry_out(wish, answered)


@handles(OrderCancelled, OrderFailed, outside=True)
def void_payment(event: OrderCancelled | OrderFailed, answered: Answered) -> None:
    with transaction():
        wish = usecases.note_ended(order_id=event.order_id, at=timezone.now())
    _carry_out(wish, answered)


@handles(OperationRequested, outside=True)
def resume_operation(event: OperationRequested, answered: Answered) -> None:
    with transaction():
        wish = usecases.resume_operation(order_id=event.order_id, at=timezone.now())
    try:
        _ask_until_settled(wish)
    except GatewaySilent as silent:
        # No failure of this event: the wish is open, and the watch says the event anew.
        log.warning("gateway_silent", order_id=str(event.order_id), why=str(silent))
    with answered():
        pass


def _carry_out(wish: Wish | None, answered: Answered) -> None:
    """
    Carry out a wish and all that follows; only then the event is done.

    A process that ends between the last answer and the mark does no harm: when the event comes
    again its fact is known, nothing is wished, and the mark is all that is left to do.
    """
    _ask_until_settled(wish)
    with answered():
        pass


def _ask_until_settled(wish: Wish | None) -> None:
    """
    Ask the gateway, write its answer, and so on until nothing is wished of it.

    :raises GatewaySilent: the wish stays open, and is asked again with the same id.
    """
    while wish:
        answer = gateway.carry_out(wish)
        if isinstance(answer, Unknown):
            raise GatewaySilent(f"{wish.kind} at {wish.gateway}: {answer.why}")
        with transaction():
            wish = usecases.take_answer(
                order_id=wish.order_id, operation_id=wish.id, answer=answer, at=timezone.now()
            )
