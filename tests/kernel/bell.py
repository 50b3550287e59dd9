"""An event of the tests' own, with whoever hears it, and a look at the log from elsewhere."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from django.db import connections

from kernel.bus import event
from kernel.bus.envelope import Envelope
from kernel.bus.event import Event, Personal
from kernel.bus.outbox import publish
from kernel.bus.subscriptions import Handler, _register, forget
from kernel.bus.testing import envelopes, published
from kernel.ids import new_id
from kernel.transactions import transaction

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


class Tolled(Event, name="tower.tolled.v1", subject="bell_id", person="ringer_id"):
    """A bell tolled, `version` times by now."""

    bell_id: uuid.UUID
    version: int = 1
    tone: int = 1
    order_id: uuid.UUID | None = None
    ringer_id: uuid.UUID | None = None
    ringer: Annotated[str | None, Personal()] = None


class Echoed(Event, name="tower.echoed.v1", subject="bell_id"):
    """Someone heard the bell: what a handler of a test says, and nobody hears."""

    bell_id: uuid.UUID
    tone: int


for cls in (Tolled, Echoed):  # only known while a test wants them
    event._EVENTS.pop(cls.name)


@contextmanager
def known() -> Iterator[None]:
    """Let the bus know the two events."""
    for cls in (Tolled, Echoed):
        event._EVENTS[cls.name] = cls
    try:
        yield
    finally:
        for cls in (Tolled, Echoed):
            event._EVENTS.pop(cls.name)


@contextmanager
def hearing(name: str, run: Callable[..., None], **how: Any) -> Iterator[Handler]:
    """Let this function hear the bell on the queue `tower`."""
    handler = Handler(name=name, app="tower", event=Tolled, run=run, **how)
    _register(handler)
    try:
        yield handler
    finally:
        forget(name)


def tolled(**fields: Any) -> Tolled:
    return Tolled(**{"occurred_at": NOON, "bell_id": new_id(), **fields})


def echo(heard: Tolled) -> None:
    publish(Echoed(occurred_at=NOON, bell_id=heard.bell_id, tone=heard.tone))


def echoes() -> list[int]:
    """Return the tones that were echoed: the effects that stay."""
    return [event.tone for event in published(Echoed) if isinstance(event, Echoed)]


def toll(*events: Tolled) -> list[Envelope]:
    """Publish events, and return the log of all bells."""
    with transaction():
        publish(*events)
    return [envelope for envelope in envelopes() if envelope.name == Tolled.name]


def elsewhere(func: Callable[[], Any]) -> threading.Thread:
    """Run a function in a thread, which has a connection of its own."""

    def run() -> None:
        try:
            func()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


class LateWriter:
    """Publishes in a transaction on a connection of its own, which stays open until told."""

    def __init__(self, *events: Tolled) -> None:
        self._events = events
        self._has_published, self._may_end = threading.Event(), threading.Event()
        self._thread = elsewhere(self._write)
        assert self._has_published.wait(10)

    def commit(self) -> None:
        self._may_end.set()
        self._thread.join(10)

    def _write(self) -> None:
        with transaction():
            publish(*self._events)
            self._has_published.set()
            assert self._may_end.wait(10)
