"""The card numbers that misbehave, so that a shop can see what it does then."""

from __future__ import annotations

import dataclasses
import enum


class Behaviour(enum.StrEnum):
    """What a card does. The number itself is never stored."""

    NORMAL = "normal"
    DECLINED = "declined"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    CAPTURE_REFUSED = "capture_refused"
    SLOW = "slow"
    BROKEN = "broken"
    WEBHOOK_FIRST = "webhook_first"
    WEBHOOK_TWICE = "webhook_twice"
    WEBHOOK_NEVER = "webhook_never"


@dataclasses.dataclass(frozen=True)
class Card:
    """A number that people can type, and what it is for."""

    number: str
    behaviour: Behaviour
    effect: str


CARDS = (
    Card("4242424242424242", Behaviour.NORMAL, "Good, as is any number that isn't listed here."),
    Card("4000000000000002", Behaviour.DECLINED, "Declined at /check."),
    Card("4000000000009995", Behaviour.INSUFFICIENT_FUNDS, "Refused at /check for want of funds."),
    Card("4000000000000341", Behaviour.CAPTURE_REFUSED, "Held, but /processPayment refuses it."),
    Card("4000000000000259", Behaviour.SLOW, "Does the work and answers after 30 seconds."),
    Card("4000000000000119", Behaviour.BROKEN, "Does the work and answers 500."),
    Card("4000000000000044", Behaviour.WEBHOOK_FIRST, "Tells the webhook before it answers."),
    Card("4000000000000051", Behaviour.WEBHOOK_TWICE, "Tells each webhook twice."),
    Card("4000000000000069", Behaviour.WEBHOOK_NEVER, "Tells no webhook."),
)
_BY_NUMBER = {card.number: card.behaviour for card in CARDS}


def behaviour_of(number: str) -> Behaviour:
    """Return how this card behaves; any number that isn't special is a good card."""
    return _BY_NUMBER.get(number, Behaviour.NORMAL)
