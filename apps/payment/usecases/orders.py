"""What orders say. Each returns what is to be asked of the gateway first, if anything."""

from __future__ import annotations

import datetime as dt
import uuid

from apps.payment import gateway as gateways
from apps.payment.events import PaymentDeclined
from apps.payment.gateway import Wish
from apps.payment.models import Payment
from apps.payment.usecases.wishes import next_wish, tell_missed_capture
from kernel.bus.outbox import publish
from kernel.transactions import transaction_required


@transaction_required
def note_placed(
    *,
    order_id: uuid.UUID,
    version: int,
    total: int,
    currency: str,
    gateway: str,
    token: str,
    at: dt.datetime,
) -> Wish | None:
    """Begin to pay an order, unless it ended before it was heard of."""
    payment = Payment.locked(order_id, at=at)
    if payment.hears("placed") and payment.placed_at is None:
        payment.note_total(version=version, total=total, currency=currency)
        if not gateways.is_known(gateway):
            _decline(payment, "unknown_gateway", at=at)
        elif not payment.place(gateway=gateway, token=token, at=at):
            _decline(payment, "token_used", at=at)
        payment.store(at=at)
    return next_wish(payment=payment, at=at)


@transaction_required
def note_modified(
    *, order_id: uuid.UUID, version: int, total: int, currency: str, at: dt.datetime
) -> Wish | None:
    """Remember the order's newest total; what is held above it is released."""
    payment = Payment.locked(order_id, at=at)
    if payment.hears("modified"):
        payment.note_total(version=version, total=total, currency=currency)
        payment.store(at=at)
    return next_wish(payment=payment, at=at)


@transaction_required
def note_shipped(*, order_id: uuid.UUID, at: dt.datetime) -> Wish | None:
    """Remember that the goods are on their way: what is held for them is not given up any more."""
    payment = Payment.locked(order_id, at=at)
    if payment.hears("shipped"):
        payment.is_shipped = True
        payment.store(at=at)
    return next_wish(payment=payment, at=at)


@transaction_required
def note_fulfilled(
    *, order_id: uuid.UUID, version: int, total: int, currency: str, at: dt.datetime
) -> Wish | None:
    """Capture the order's newest total, once it is authorized; of more, give back the rest."""
    payment = Payment.locked(order_id, at=at)
    if payment.hears("fulfilled"):
        payment.note_total(version=version, total=total, currency=currency)
        payment.is_fulfilled = True
        tell_missed_capture(payment=payment, at=at)
        payment.store(at=at)
    return next_wish(payment=payment, at=at)


@transaction_required
def note_ended(*, order_id: uuid.UUID, at: dt.datetime) -> Wish | None:
    """Hold and keep nothing of an order that was cancelled or failed."""
    payment = Payment.locked(order_id, at=at)
    if payment.hears("ended"):
        payment.note_end()
        payment.store(at=at)
    return next_wish(payment=payment, at=at)


def _decline(payment: Payment, reason: str, *, at: dt.datetime) -> None:
    payment.decline(reason)
    publish(PaymentDeclined(occurred_at=at, order_id=payment.order_id, reason=reason))
