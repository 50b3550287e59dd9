"""What payment asks of every gateway, in its own words."""

from __future__ import annotations

import abc
import dataclasses
import datetime as dt
import uuid
from collections.abc import Mapping
from typing import ClassVar

from apps.payment.gateway.books import BooksPage


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
    reference: str = ""  # what the gateway calls this payment, if it told when it held the money
    may_be_forgotten: bool = False  # asked before, longer ago than gateways keep keys


@dataclasses.dataclass(frozen=True)
class Accepted:
    """The gateway did it. What else it told makes no other answer of it: all are equal."""

    reference: str = dataclasses.field(default="", compare=False)
    held_until: dt.datetime | None = dataclasses.field(default=None, compare=False)
    # What the gateway keeps for itself, in minor units; None where only its books tell that.
    fee: int | None = dataclasses.field(default=None, compare=False)


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
    """
    Whoever holds, takes and gives back money. No method raises for what the network does.

    One that can't lower what it holds says so; the capture then releases what is above it.
    """

    lowers_holds: ClassVar[bool] = True
    has_books: ClassVar[bool] = False  # whether `books` tells what it did on a day

    @abc.abstractmethod
    def call(self, wish: Wish) -> Answer:
        """Do it, once for each `wish.id`, within ten seconds."""

    @abc.abstractmethod
    def find(self, wish: Wish) -> Answer | NotFound:
        """Look the wish up in the gateway's books, without doing anything."""

    @abc.abstractmethod
    def read_webhook(
        self, body: bytes, headers: Mapping[str, str], *, at: dt.datetime
    ) -> uuid.UUID | None:
        """
        Return the id of the wish that a webhook of this gateway speaks of, if it speaks of one.

        :raises UntrustedWebhook: if the gateway has not signed it, or not lately.
        """

    def books(self, on: dt.date, *, after: str = "") -> BooksPage | Unknown:
        """Return what it did on a day (UTC), a page at a time, in an order of its own."""
        return Unknown(f"{type(self).__name__} tells no books of {on}")
