"""What the shop's log says of orders: who is how far, and where the time went."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, LiteralString

import psycopg

PLACED, CONFIRMED = "orders.order_placed.v1", "orders.order_confirmed.v1"
INVOICED = "invoices.invoice_issued.v1"
STALLED_SECONDS = 120.0

_COUNT = "SELECT count(*) FROM bus_outbox WHERE name = %s AND order_id = ANY(%s)"
_SECONDS = """
SELECT extract(epoch FROM last.recorded_at - placed.recorded_at)::float
FROM bus_outbox AS placed JOIN bus_outbox AS last USING (order_id)
WHERE placed.name = %s AND last.name = %s AND order_id = ANY(%s)
"""
# An event's actor is the handler that said it, and its cause is what that handler heard. A handler
# that asks the gateway is marked when it ends: it began when it wished.
_EVENTS = """
SELECT said.order_id, said.event_id, said.causation_id, said.name, said.actor,
    said.recorded_at, said.sent_at, least(heard.handled_at, wished.created_at)
FROM bus_outbox AS said LEFT JOIN bus_inbox AS heard
    ON heard.event_id = said.causation_id AND heard.handler = said.actor
LEFT JOIN payment_operation AS wished ON wished.payment_id = said.order_id
    AND wished.kind = 'AUTHORIZE' AND said.name = 'payment.payment_authorized.v1'
WHERE said.order_id = ANY(%s)
"""


class Stalled(Exception):
    """Nothing happened for so long that it won't."""


@dataclasses.dataclass(frozen=True)
class Hop:
    """
    How one event led to the next, in milliseconds.

    It waited in the outbox until the relay took it; was sent, received, and begun by its handler;
    and the handler worked until it said the next.
    """

    name: str
    waited: float
    travelled: float
    worked: float


class EventLog:
    """Reads the log in a session of its own."""

    def __init__(self, database: psycopg.Connection) -> None:
        self._database = database

    def until(
        self,
        name: str,
        orders: Sequence[str],
        *,
        every: float = 0.2,
        tell: Callable[[int], object] = lambda _: None,
    ) -> None:
        """
        Wait until all these orders have an event of this name; `tell` is told how many more do.

        :raises Stalled: if no more come.
        """
        known, changed_at = 0, time.monotonic()
        while known < len(orders):
            found = int(self._rows(_COUNT, name, orders)[0][0])
            if found > known:
                tell(found - known)
                known, changed_at = found, time.monotonic()
            elif time.monotonic() > changed_at + STALLED_SECONDS:
                raise Stalled(f"{found} of {len(orders)} orders have {name}.")
            else:
                time.sleep(every)

    def seconds(self, orders: Sequence[str], last: str) -> list[float]:
        """Return, sorted, the seconds from placed to the event of this name."""
        return sorted(seconds for (seconds,) in self._rows(_SECONDS, PLACED, last, orders))

    def hops(self, orders: Sequence[str], last: str) -> dict[str, list[Hop]]:
        """Return the hops that led from placed to the last event, by what led to what."""
        by_order: defaultdict[str, dict[uuid.UUID, _Event]] = defaultdict(dict)
        for order, *event in self._rows(_EVENTS, orders):
            by_order[order][event[0]] = _Event(*event)
        found = defaultdict(list)
        for events in by_order.values():
            for hop in _way(events, last):
                found[hop.name].append(hop)
        return dict(found)

    def _rows(self, query: LiteralString, *parameters: Any) -> list[Any]:
        return self._database.execute(query, parameters).fetchall()


@dataclasses.dataclass(frozen=True)
class _Event:
    event_id: uuid.UUID
    causation_id: uuid.UUID | None
    name: str
    actor: str
    recorded_at: dt.datetime
    sent_at: dt.datetime
    handled_at: dt.datetime | None


def _way(events: dict[uuid.UUID, _Event], last: str) -> list[Hop]:
    """Go back from the last event, cause by cause, to the one that nobody caused."""
    hops: list[Hop] = []
    said = next(event for event in events.values() if event.name == last)
    while said.causation_id and (cause := events.get(said.causation_id)):
        begun = said.handled_at or cause.sent_at
        name = f"{_short(cause.name)} → {_short(said.name)}"
        hops.append(
            Hop(
                name,
                waited=_ms(cause.recorded_at, cause.sent_at),
                travelled=_ms(cause.sent_at, begun),
                worked=_ms(begun, said.recorded_at),
            )
        )
        said = cause
    return hops[::-1]


def _short(name: str) -> str:
    return name.split(".")[1]


def _ms(begun: dt.datetime, ended: dt.datetime) -> float:
    return 1000 * (ended - begun).total_seconds()
