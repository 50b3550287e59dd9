"""What a storefront gets for a customer's card: a token, from whoever the shop is paid by."""

from __future__ import annotations

import os
from typing import Any

import httpx

from dev.caller import Refused

GOOD, DECLINED = "4242424242424242", "4000000000000002"
# Stripe takes no card numbers but from its own forms; in test mode these stand for them.
_STRIPES = {GOOD: "tok_visa", DECLINED: "tok_chargeDeclined"}


def token_of(card: str, total: dict[str, Any], *, payment: str) -> str:
    """
    Return a token of a card that was not used before, good for a total.

    `payment` is where payment_3p is; or Stripe in test mode, if STRIPE_PUBLISHABLE_KEY is set.

    :raises Refused: if the answer isn't a success.
    """
    if key := os.environ.get("STRIPE_PUBLISHABLE_KEY"):
        body = {"type": "card", "card[token]": _STRIPES[card]}
        answer = _post(f"{payment}/v1/payment_methods", data=body, auth=(key, ""))
        return str(answer["id"])
    return str(_post(f"{payment}/preauth", json={"cardNumber": card, **total})["paymentToken"])


def _post(url: str, **asked: Any) -> dict[str, Any]:
    answer = httpx.post(url, timeout=20, **asked)
    if not answer.is_success:
        raise Refused("POST", url, answer)
    found: dict[str, Any] = answer.json()
    return found
