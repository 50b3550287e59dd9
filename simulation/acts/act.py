"""What every act has in common."""

from __future__ import annotations

import abc
import dataclasses
import uuid
from typing import Any

from simulation.journal import Answer
from simulation.people import ShopClients


@dataclasses.dataclass(frozen=True, kw_only=True)
class Act(abc.ABC):
    """
    One thing that a person does: one call of the API, refused or not.

    Done again it has the same `key`, its Idempotency-Key: whoever got no answer asks again.
    Orders and products are named by index; an act does nothing if there is no such one (yet).
    """

    key: str
    who: str
    name: str = ""

    @abc.abstractmethod
    def perform(self, shop: ShopClients) -> None:
        """
        Do it.

        :raises ServerError: if the API answers 5xx.
        """

    def __str__(self) -> str:
        told = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in {"key", "who", "name"}
        }
        words = ", ".join(f"{name} {value}" for name, value in told.items())
        return f"[{self.key}] {self.who}: {self.name}{f' ({words})' if words else ''}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrderAct(Act):
    """An act on one order, by the number under which it was drawn."""

    order: int

    def perform(self, shop: ShopClients) -> None:
        """Do it, if the order was placed by now."""
        if placed := shop.journal.orders.get(self.order):
            self.perform_on(placed.id, shop)

    @abc.abstractmethod
    def perform_on(self, order_id: uuid.UUID, shop: ShopClients) -> None:
        """Do it to this order."""


def change(
    act: Act,
    shop: ShopClients,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    *,
    seen_at: str = "",
) -> Answer | None:
    """Read what is to be changed (at `seen_at`, if elsewhere), then change what was read."""
    seen = shop.read(act.who, seen_at or path)
    if seen.status_code != 200:
        return None
    return shop.send(act, method, path, body, if_match=seen["ETag"])
