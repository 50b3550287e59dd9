"""What people asked of the shop, and what it promised: their side of the story."""

from __future__ import annotations

import dataclasses
import uuid
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

OPENING = "opening-"  # how keys begin of what is done before the doors open


@dataclasses.dataclass(frozen=True)
class Asked:
    """What was asked of the shop: it may have done it, whether or not it could say so."""

    name: str
    key: str
    path: str
    body: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the shop answered. 2xx is a promise."""

    asked: Asked
    status: int
    body: Any

    @property
    def order_id(self) -> uuid.UUID:
        """The order that the answer shows."""
        return uuid.UUID(self.body["id"])

    @property
    def is_granted(self) -> bool:
        """Whether the shop promised it."""
        return 200 <= self.status < 300


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What staff will find when they work an order off, if nobody ends it before."""

    missing: str = "nothing"  # "nothing", "something" or "everything"
    is_delivered: bool = True
    refunds: tuple[int, ...] = ()  # each in percent of what was paid


@dataclasses.dataclass(frozen=True)
class Placed:
    """An order that the shop promised to take: products by index, with their quantities."""

    id: uuid.UUID
    lines: tuple[tuple[int, int], ...]
    plan: Plan


class Journal:
    """What was asked of the shop and what it answered, kept by those who asked."""

    def __init__(self) -> None:
        self.asked: dict[str, Asked] = {}
        self.answers: dict[str, list[Answer]] = defaultdict(list)
        self.orders: dict[int, Placed] = {}
        self.prepared: dict[str, dict[str, Any]] = {}

    def granted(self, *names: str) -> list[Answer]:
        """Return the first promise under each key, of acts with these names only."""
        found = (
            next((answer for answer in answers if answer.is_granted), None)
            for answers in list(self.answers.values())
        )
        return [answer for answer in found if answer and answer.asked.name in names]

    def of_opening(self) -> Journal:
        """Return a journal that tells of nothing but the shop's opening."""
        journal = Journal()
        keys = [key for key in self.asked if key.startswith(OPENING)]
        journal.asked.update({key: self.asked[key] for key in keys})
        journal.answers.update({key: self.answers[key] for key in keys})
        return journal

    def attempts(self, *names: str) -> dict[str, Asked]:
        """Return all that was asked by acts with these names, by key."""
        return {key: asked for key, asked in self.asked.items() if asked.name in names}
