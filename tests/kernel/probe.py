"""An event and a handler that does what it is told: fail, sleep, wait, kill its process."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from django.db import connection
from django.utils import timezone

from kernel.bus import event, subscriptions
from kernel.bus.event import Event
from kernel.bus.outbox import publish
from kernel.bus.subscriptions import handles
from kernel.ids import new_id
from kernel.transactions import transaction

QUEUE = "kernel"  # handlers are those of the package below the root: tests.kernel
HANDLER = "kernel.note"
WAITING_SECONDS = 30  # the longest that it waits for what a test promised


class Pinged(Event, name="testing.pinged.v1", subject="ping_id"):
    """A test said something."""

    ping_id: uuid.UUID
    deed: str = ""
    padding: str = ""


event._EVENTS.pop(Pinged.name)  # only known while a test wants it


class ProbeFailed(Exception):
    """A test wanted it so."""


def note(pinged: Pinged) -> None:
    """Leave an effect, then do the deed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO probe (ping_id, pid) VALUES (%s, %s)", [pinged.ping_id, os.getpid()]
        )
    deed, _, how = pinged.deed.partition(":")
    if deed == "fail":
        raise ProbeFailed("As asked.")
    if deed == "sleep":
        seconds, _, mark = how.partition(":")
        Path(mark or os.devnull).touch()
        time.sleep(float(seconds))
    if deed == "wait":
        _wait_for(Path(how))
    if deed == "die" and not (how and _is_second_life(Path(how))):
        os.kill(os.getpid(), signal.SIGKILL)


def _wait_for(mark: Path) -> None:
    deadline = time.monotonic() + WAITING_SECONDS
    while not mark.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def _is_second_life(mark: Path) -> bool:
    is_second = mark.exists()
    mark.touch()
    return is_second


@contextlib.contextmanager
def declared() -> Iterator[None]:
    """Let the bus know the event and its handler."""
    declare()
    try:
        yield
    finally:
        event._EVENTS.pop(Pinged.name)
        subscriptions.forget(HANDLER)


def declare() -> None:
    event._EVENTS[Pinged.name] = Pinged
    handles(Pinged)(note)


def create_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS probe (ping_id uuid NOT NULL, pid int NOT NULL)")
        cursor.execute("TRUNCATE probe")


def ping(*deeds: str, padding: str = "") -> list[uuid.UUID]:
    """Publish a ping for each deed, and return their ids."""
    pings = [
        Pinged(ping_id=new_id(), deed=deed, padding=padding, occurred_at=timezone.now())
        for deed in deeds
    ]
    with transaction():
        publish(*pings)
    return [pinged.ping_id for pinged in pings]


def effects() -> list[uuid.UUID]:
    """Return the pings that took effect, sorted: one twice, if it did so twice."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT ping_id FROM probe ORDER BY ping_id")
        return [ping_id for (ping_id,) in cursor.fetchall()]


def pids() -> set[int]:
    """Return the processes in which pings took effect."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT pid FROM probe")
        return {pid for (pid,) in cursor.fetchall()}
