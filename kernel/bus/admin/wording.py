"""How the operator's pages say things: times, events, and what became of them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from kernel.bus.envelope import Envelope, to_wire
from kernel.bus.event import event_class
from kernel.bus.models import OutboxEvent
from kernel.bus.personal import is_sealed
from kernel.bus.timeline import Awaited, Hearing, Status, Told

# Events that are named in one line.
MOST_NAMES = 4
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_SECRET = re.compile(r"(token|secret|password)$")


def span(time: dt.timedelta) -> str:
    """Return `43 ms`, `2.5 s`, `12 min` or `3 h 5 min`."""
    seconds = max(0.0, time.total_seconds())
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    rest, parts = int(seconds), []
    for unit, size in _UNITS:
        if rest >= size:
            parts.append(f"{rest // size} {unit}")
        rest %= size
    # Of a long time the small units say nothing.
    return " ".join(parts[:2] if "d" in parts[0] or "h" in parts[0] else parts[:1])


def fact(name: str) -> str:
    """Return what happened, of an event's name: `payment_captured`."""
    return name.split(".")[1] if name.count(".") == 2 else name


def handler(name: str) -> str:
    """Return a handler's name without the event that ends it: `orders.note_answer`."""
    return ".".join(name.split(".")[:2])


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of a payload, as it may be shown."""

    name: str
    value: Any
    is_hidden: bool = False

    @property
    def text(self) -> str:
        """The value, written for people."""
        if isinstance(self.value, str):
            return self.value
        return json.dumps(self.value, indent=2 if isinstance(self.value, dict | list) else None)


def fields(event: OutboxEvent, payload: Mapping[str, Any]) -> list[Field]:
    """Return what an event says but for its subject and order; nothing personal, no secrets."""
    cls = event_class(event.name)
    personal = cls.personal_fields if cls else frozenset()
    known = [str(event.subject), str(event.order_id)]
    return [
        _field(name, value, is_personal=name in personal)
        for name, value in payload.items()
        if value not in known
    ]


def _field(name: str, value: Any, *, is_personal: bool) -> Field:
    if is_personal or is_sealed(value):
        return Field(name, "(personal, erased)" if value is None else "(personal, sealed)", True)
    if _SECRET.search(name):
        return Field(name, "(secret)", True)
    return Field(name, value)


def outcome(told: Told, hearing: Hearing, *, at: dt.datetime) -> str:
    """Say what became of an event at a handler."""
    if hearing.status is Status.DONE:
        waited = span(hearing.at - told.event.recorded_at)
        return waited if hearing.attempts == 1 else f"{waited}, in attempt {hearing.attempts}"
    return _OUTCOMES[hearing.status].format(
        age=span(at - hearing.at),
        times=_times(hearing.attempts),
        next=next_attempt(told.event, hearing, at=at),
        since=hearing.at,
    )


_OUTCOMES = {
    Status.WAITING: "has not been heard of for {age}",
    Status.UNSENT: "waits for {age}: the event is not sent yet",
    Status.FAILED: "failed {times}, last {age} ago; {next}",
    Status.DEAD: "given up {age} ago, failed {times}",
    Status.DISCARDED: "discarded by hand {age} ago",
    Status.EXEMPT: "hears only what came after {since:%Y-%m-%d %H:%M}",
}


def next_attempt(event: OutboxEvent, hearing: Hearing, *, at: dt.datetime) -> str:
    """Say when a handler that failed will try again."""
    if event.sent_at is None:
        return "the event is being sent again"
    if hearing.next_attempt_at is None:
        was_last = event.sent_at <= hearing.at
        return "that was the last attempt" if was_last else "the next attempt is under way"
    if hearing.next_attempt_at <= at:
        return "the next attempt is due"
    return f"next attempt in about {span(hearing.next_attempt_at - at)}"


def sending(event: OutboxEvent, *, at: dt.datetime) -> str:
    """Say whether an event was sent."""
    if event.set_aside:
        return f"can't be sent: {event.set_aside}"
    if event.sent_at:
        return f"sent after {span(event.sent_at - event.recorded_at)}"
    tried = f", tried {_times(event.tries)}" if event.tries else ""
    return f"not sent yet{tried}"


@dataclasses.dataclass(frozen=True)
class Line:
    """One thing that is still to happen: whose, what, and what is known of it."""

    status: Status
    app: str
    text: str
    detail: str
    error: str
    age: str
    page: int  # where the oldest event stands that is meant,
    anchor: int  # and its sequence
    delivery_ids: Sequence[int]
    count: int


def line(awaited: Awaited, *, page: int, at: dt.datetime) -> Line:
    """Say what is still to happen at one handler."""
    first = awaited.hearings[0]
    names = _names(awaited.events)
    dead = awaited.status is Status.DEAD
    return Line(
        status=awaited.status,
        app=first.app if awaited.handler else "",
        text=_SENTENCES[awaited.status].format(names=names, times=_times(first.attempts)),
        detail=_detail(awaited, at=at),
        error=first.error,
        age=span(at - awaited.since),
        page=page,
        anchor=awaited.first,
        delivery_ids=[each.delivery_id for each in awaited.hearings if each.delivery_id and dead],
        count=len(awaited.hearings if awaited.handler else awaited.events),
    )


_SENTENCES = {
    Status.DEAD: "has given up on {names}",
    Status.FAILED: "has failed to take {names}, {times}",
    Status.UNSENT: "{names}: not sent to anyone yet",
    Status.WAITING: "has not taken {names}",
}


def _detail(awaited: Awaited, *, at: dt.datetime) -> str:
    event = awaited.events[0].event
    match awaited.status:
        case Status.DEAD:
            return "waits for a person: redrive it once its cause is mended"
        case Status.FAILED:
            return next_attempt(event, awaited.hearings[0], at=at)
        case Status.UNSENT if event.set_aside:
            return f"it can't be sent: {event.set_aside}"
        case Status.UNSENT if event.tries:
            return f"the relay has tried {_times(event.tries)}: do the queues answer?"
        case Status.UNSENT:
            return "is the relay running?"
    return "it is on its way, or its worker is not running"


def _names(events: Sequence[Told]) -> str:
    """Name the first few events; once, if the same happened several times."""
    names = list(dict.fromkeys(fact(told.event.name) for told in events))
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def count(number: int, one: str, many: str) -> str:
    """Return `1 event` or `2 events`."""
    return f"{number} {one if number == 1 else many}"


def envelope(event: OutboxEvent) -> str:
    """Return an event as it is on the wire; neither personal data nor secrets."""
    payload = {field.name: field.value for field in fields(event, event.payload)}
    return json.dumps({**to_wire(Envelope.of(event)), "data": payload}, indent=2)
