"""The card numbers that misbehave, so that a shop can see what it does then."""

from __future__ import annotations

import enum


class Behaviour(enum.StrEnum):
    """What a card does. The number itself is never stored."""

    NORMAL = "normal"
    DECLINED = "declined"  # at /check
    INSUFFICIENT_FUNDS = "insufficient_funds"  # at /check
    CAPTURE_REFUSED = "capture_refused"  # at /processPayment, always
    SLOW = "slow"  # does the work, then answers too late; a replay answers at once
    BROKEN = "broken"  # does the work, then answers 500; a replay answers well


SPECIAL = {
    "4000000000000002": Behaviour.DECLINED,
    "4000000000009995": Behaviour.INSUFFICIENT_FUNDS,
    "4000000000000341": Behaviour.CAPTURE_REFUSED,
    "4000000000000259": Behaviour.SLOW,
    "4000000000000119": Behaviour.BROKEN,
}


def behaviour_of(number: str) -> Behaviour:
    """Return how this card behaves; any number that isn't special is a good card."""
    return SPECIAL.get(number, Behaviour.NORMAL)
