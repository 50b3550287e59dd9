"""What payment asks of every gateway, in its own words."""

from __future__ import annotations

import abc
import dataclasses
import datetime as dt
import uuid
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Wish:
    """One thing to be done at a gateway. Its id is the idempotency key."""

    id: uuid.UUID
    order_id: uuid.UUID
    kind: str  # one of models.Kind
    gateway: str
    token: str
    amount: int  # in minor units; of a void: what is released
    currency: str
    may_be_forgotten: bool = False  # asked before, longer ago than gateways keep keys


@dataclasses.dataclass(frozen=True)
class Accepted:
    """The gateway did it."""


@dataclasses.dataclass(frozen=True)
class Refused:
    """The gateway did nothing, and won't."""

    reason: str


@dataclasses.dataclass(frozen=True)
class Unknown:
    """Nobody knows whether it was done: ask again."""

    why: str


@dataclasses.dataclass(frozen=True)
class NotFound:
    """The gateway's books show nothing of it: it was not done."""


Answer = Accepted | Refused | Unknown


class Gateway(abc.ABC):
    """Whoever holds, takes and gives back money. No method raises for what the network does."""

    @abc.abstractmethod
    def call(self, wish: Wish) -> Answer:
        """Do it, once for each `wish.id`, within ten seconds."""

    @abc.abstractmethod
    def find(self, wish: Wish) -> Accepted | NotFound | Unknown:
        """Look the wish up in the gateway's books, without doing anything."""

    @abc.abstractmethod
    def read_webhook(
        self, body: bytes, headers: Mapping[str, str], *, at: dt.datetime
    ) -> uuid.UUID | None:
        """
        Return the id of the wish that a webhook of this gateway speaks of, if it speaks of one.

        :raises UntrustedWebhook: if the gateway has not signed it, or not lately.
        """
