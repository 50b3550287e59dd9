"""What Stripe's answers and errors mean: done, refused for a reason, or nobody knows."""

from __future__ import annotations

import datetime as dt

import stripe

from apps.payment.gateway.interface import Accepted, Answer, Refused, Unknown

# Why a card was declined is told only where its holder can do something about it. Some of the other
# reasons Stripe wants kept: that a card was stolen, that a payment looks like fraud.
_OPEN_REASONS = {
    "authentication_required",
    "card_not_supported",
    "currency_not_supported",
    "expired_card",
    "incorrect_cvc",
    "insufficient_funds",
    "withdrawal_count_limit_exceeded",
}
_REASONS = {
    "resource_missing": "unknown_token",
    "payment_intent_unexpected_state": "wrong_state",
    "charge_expired_for_capture": "authorization_lapsed",
    "charge_already_refunded": "amount_too_high",
    "amount_too_large": "amount_too_high",
    "amount_too_small": "amount_too_small",
}
_SERVER_ERROR = 500


def of_authorization(intent: stripe.PaymentIntent) -> Answer:
    """Read what became of an intent that was made and confirmed at once."""
    if intent.status in {"requires_capture", "succeeded"}:
        return Accepted(reference=intent.id, held_until=_held_until(intent))
    if intent.status == "requires_action":
        return Refused("authentication_required")
    if intent.status == "requires_payment_method":
        return Refused(_card_reason(intent.last_payment_error))
    if intent.status == "canceled":
        return Refused("wrong_state")
    return Unknown(f"status {intent.status}")


def of_refund(refund: stripe.Refund) -> Accepted | Refused:
    """Read what became of a refund; one that is pending is on its way."""
    if refund.status in {"failed", "canceled"}:
        return Refused(getattr(refund, "failure_reason", None) or "refund_failed")
    return Accepted()


def of_error(error: stripe.StripeError) -> Refused | Unknown:
    """Tell verdicts about the payment from errors that are about us, or about today."""
    if isinstance(error, stripe.CardError):
        return Refused(_card_reason(error.error))
    if isinstance(error, stripe.InvalidRequestError) and _is_verdict(error):
        return Refused(_REASONS.get(error.code or "", error.code or "invalid"))
    status = f" {error.http_status}" if error.http_status else ""
    return Unknown(f"{type(error).__name__}{status}")


def is_doubtful(error: stripe.StripeError) -> bool:
    """
    Say whether the books are to be asked what the error means.

    A server error is remembered under its key, and repeated, whatever was done in truth. What is in
    the wrong state may be so because this very wish was carried out, under a key long forgotten.
    """
    is_server_error = (error.http_status or 0) >= _SERVER_ERROR
    return is_server_error or error.code == "payment_intent_unexpected_state"


def _is_verdict(error: stripe.InvalidRequestError) -> bool:
    return error.http_status == 400 or error.code == "resource_missing"  # else a 404 of no payment


def _card_reason(error: object) -> str:
    codes = (getattr(error, name, None) for name in ("decline_code", "code"))
    return next((code for code in codes if code in _OPEN_REASONS), "card_declined")


def _held_until(intent: stripe.PaymentIntent) -> dt.datetime | None:
    charge = intent.latest_charge
    if not isinstance(charge, stripe.Charge):
        return None
    details = getattr(charge, "payment_method_details", None)
    card = getattr(details, "card", None)
    seconds = getattr(card, "capture_before", None)
    return dt.datetime.fromtimestamp(seconds, dt.UTC) if seconds else None
