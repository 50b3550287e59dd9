"""
What payment does when orders speak, and when it spoke to itself.

Each handler notes its fact and carries out what that demands of the gateway: the wish is written
and committed, the gateway called with the wish's id, the answer written; and so on until nothing
is wished. Two handlers of one order may do so at once: the gateway knows the id, and an answer
counts once. What is wished of a gateway that has fallen silent waits for the watch, and the event
that led to it is done.
"""

from __future__ import annotations

import time

import structlog
from django.utils import timezone

from apps.orders.events import (
    OrderCancelled,
    OrderFailed,
    OrderFulfilled,
    OrderModified,
    OrderPlaced,
    OrderShipped,
)
from apps.payment import errands, usecases
from apps.payment.errands import GatewaySilent
from apps.payment.events import OperationRequested, ReconciliationRequested, RemedyRequested
from apps.payment.gateway import Wish
from kernel.bus.inbox import Answered
from kernel.bus.subscriptions import handles
from kernel.transactions import transaction

log = structlog.get_logger(__name__)


# A day's books may be long: what is left after so many seconds is the next message's.
RECONCILING_SECONDS = 15


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


@handles(OrderShipped, outside=True)
def note_shipped(event: OrderShipped, answered: Answered) -> None:
    with transaction():
        wish = usecases.note_shipped(order_id=event.order_id, at=timezone.now())
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
        errands.ask_until_settled(wish)
    except GatewaySilent as silent:
        # No failure of this event: the wish is open, and the watch says the event anew.
        log.warning("gateway_silent", order_id=str(event.order_id), why=str(silent))
    with answered():
        pass


@handles(RemedyRequested, outside=True)
def remedy_difference(event: RemedyRequested, answered: Answered) -> None:
    errands.remedy(event.difference_id)
    with answered():
        pass


@handles(ReconciliationRequested, outside=True)
def reconcile_books(event: ReconciliationRequested, answered: Answered) -> None:
    deadline = time.monotonic() + RECONCILING_SECONDS
    is_late = False
    for _ in errands.reconcile(event.reconciliation_id):
        is_late = time.monotonic() > deadline
        if is_late:
            break
    with answered():
        if is_late:
            usecases.continue_reconciliation(
                reconciliation_id=event.reconciliation_id, at=timezone.now()
            )


def _carry_out(wish: Wish | None, answered: Answered) -> None:
    """
    Carry out a wish and all that follows; only then the event is done.

    A process that ends between the last answer and the mark does no harm: when the event comes
    again its fact is known, nothing is wished, and the mark is all that is left to do.
    """
    errands.ask_until_settled(wish)
    with answered():
        pass
