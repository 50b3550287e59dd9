"""
What can be done with a payment, each a function on a locked row.

A token from /preauth holds nothing yet: it lets its owner take up to `limit`. The first /check
holds its amount (the authorization); /updateAmount lowers it; /processPayment captures it, or a
smaller `amount`, and releases the rest; /cancelPayment releases all of it; /refund gives back
of what was captured. An amount may be 0: an order can be free.
"""

from __future__ import annotations

from payment_3p.cards import Behaviour
from payment_3p.forms import Reason
from payment_3p.models import Payment

_REFUSED_AT_CHECK: dict[Behaviour, Reason] = {
    Behaviour.DECLINED: "card_declined",
    Behaviour.INSUFFICIENT_FUNDS: "insufficient_funds",
}


class No(Exception):
    """The operation is answered with `{"ok": false, "reason": …}`: a verdict, not an error."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class WrongState(Exception):
    """The payment is in no state for this operation."""


def check(payment: Payment, amount: int, currency: str | None) -> int:
    """Hold the amount; a token can be held once. Return the amount, as all of these do."""
    if payment.state != Payment.State.NEW:
        raise No("token_used")
    if currency not in {None, payment.currency}:
        raise No("currency_mismatch")
    if reason := _REFUSED_AT_CHECK.get(Behaviour(payment.behaviour)):
        raise No(reason)
    if amount > payment.limit:
        raise No("amount_above_limit")
    payment.state, payment.held = Payment.State.HELD, amount
    return amount


def update_amount(payment: Payment, amount: int) -> int:
    """Lower what is held."""
    _demand(payment, Payment.State.HELD)
    if amount > payment.held:
        raise No("amount_too_high")
    payment.held = amount
    return amount


def process_payment(payment: Payment, amount: int | None) -> int:
    """Capture what is held or a part of it; the rest is released."""
    _demand(payment, Payment.State.HELD)
    if payment.behaviour == Behaviour.CAPTURE_REFUSED:
        raise No("capture_refused")
    wanted = payment.held if amount is None else amount
    if wanted > payment.held:
        raise No("amount_too_high")
    payment.state, payment.captured, payment.held = Payment.State.CAPTURED, wanted, 0
    return wanted


def cancel_payment(payment: Payment) -> int:
    """Release what is held; a cancelled payment can be cancelled again."""
    _demand(payment, Payment.State.NEW, Payment.State.HELD, Payment.State.CANCELLED)
    released = payment.held
    payment.state, payment.held = Payment.State.CANCELLED, 0
    return released


def refund(payment: Payment, amount: int) -> int:
    """Give back of what was captured."""
    _demand(payment, Payment.State.CAPTURED)
    if amount > payment.captured - payment.refunded:
        raise No("amount_too_high")
    payment.refunded += amount
    return amount


def _demand(payment: Payment, *states: Payment.State) -> None:
    if payment.state not in states:
        raise WrongState(f"The payment is {payment.state}.")
