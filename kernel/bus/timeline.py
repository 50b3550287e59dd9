"""
An order's timeline: its events in causal order, and what each handler has made of each.

It asks the bus's own tables alone, in as many queries for one event as for a thousand.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from kernel import limits
from kernel.bus.event import event_class
from kernel.bus.models import Delivery, InboxMark, OutboxEvent, Subscription
from kernel.bus.subscriptions import hearers_of

# Of an order that has more events than this, the first so many are told.
MOST = 1_000


class Status(enum.StrEnum):
    """What became of an event at a handler; the first four are not the end of it."""

    DEAD = "dead"  # given up: waits for a person
    FAILED = "failed"  # is tried again by itself
    UNSENT = "unsent"  # the relay has not sent the event
    WAITING = "waiting"  # sent, and not heard of since
    DONE = "done"
    DISCARDED = "discarded"
    EXEMPT = "exempt"  # the handler hears only what came later


UNDONE = (Status.DEAD, Status.FAILED, Status.UNSENT, Status.WAITING)


@dataclasses.dataclass(frozen=True)
class Hearing:
    """
    What one handler has made of one event.

    `at` is when it was done, failed last, died or was discarded; of what waits, since when it
    does. `attempts` counts the one that succeeded, too. `next_attempt_at` is an estimate: SQS
    keeps the time.
    """

    handler: str
    status: Status
    at: dt.datetime
    attempts: int = 0
    error: str = ""
    next_attempt_at: dt.datetime | None = None
    delivery_id: int | None = None

    @property
    def app(self) -> str:
        """The module whose handler it is."""
        return self.handler.split(".")[0]

    @property
    def is_undone(self) -> bool:
        """Whether something is still to happen."""
        return self.status in UNDONE


@dataclasses.dataclass(frozen=True)
class Told:
    """One event of the timeline: how deep it lies in the tree of causes, and who heard it."""

    event: OutboxEvent
    depth: int
    hearings: tuple[Hearing, ...]

    @property
    def meaning(self) -> str:
        """What the event says: the first line of its class's docstring; "" if it is unknown."""
        cls = event_class(self.event.name)
        return (cls.__doc__ or "").strip().partition("\n")[0] if cls else ""

    @property
    def is_undone(self) -> bool:
        """Whether a handler has still to take it."""
        return any(hearing.is_undone for hearing in self.hearings)


@dataclasses.dataclass(frozen=True)
class Awaited:
    """What one handler has not taken yet; of unsent events: what all who hear them have not."""

    status: Status
    handler: str  # "" of unsent events
    events: tuple[Told, ...]
    hearings: tuple[Hearing, ...]

    @property
    def first(self) -> int:
        """The sequence of the oldest of the events."""
        return min(told.event.sequence for told in self.events)

    @property
    def since(self) -> dt.datetime:
        """Since when the oldest of the events waits to be taken."""
        return min(told.event.recorded_at for told in self.events)


@dataclasses.dataclass(frozen=True)
class Timeline:
    """All that the bus knows of an order. `is_cut`: it has more events than are told here."""

    order_id: uuid.UUID
    told: tuple[Told, ...]
    is_cut: bool

    @property
    def first(self) -> OutboxEvent:
        """The event that the order began with."""
        return min((told.event for told in self.told), key=lambda event: event.sequence)

    @property
    def last_at(self) -> dt.datetime:
        """When the last thing happened: an event, or that a handler took one."""
        done = [
            hearing.at
            for told in self.told
            for hearing in told.hearings
            if hearing.status is Status.DONE
        ]
        return max(*(told.event.recorded_at for told in self.told), *done, self.first.recorded_at)

    @property
    def undone(self) -> list[tuple[Told, Hearing]]:
        """Each event and handler of which something is still to happen."""
        return [
            (told, hearing) for told in self.told for hearing in told.hearings if hearing.is_undone
        ]

    @property
    def awaited(self) -> list[Awaited]:
        """What is still to happen, by handler: first what waits for a person, then by age."""
        groups: dict[tuple[Status, str], list[tuple[Told, Hearing]]] = defaultdict(list)
        for told, hearing in self.undone:
            whose = "" if hearing.status is Status.UNSENT else hearing.handler
            groups[hearing.status, whose].append((told, hearing))
        found = [_awaited(*key, pairs) for key, pairs in groups.items()]
        return sorted(found, key=lambda each: (UNDONE.index(each.status), each.since))


def read(*, order_id: uuid.UUID) -> Timeline | None:
    """Return the order's timeline; None if the log knows no event of such an order."""
    rows = OutboxEvent.objects.filter(order_id=order_id).order_by("sequence").defer("payload")
    events = list(rows[: MOST + 1])
    if not events:
        return None
    told, facts = events[:MOST], _Facts(events[:MOST])
    return Timeline(
        order_id=order_id,
        told=tuple(Told(event, depth, facts.hearings(event)) for event, depth in _by_cause(told)),
        is_cut=len(events) > MOST,
    )


def payloads(sequences: Collection[int]) -> dict[int, dict[str, Any]]:
    """Return the payloads of these events of the log, personal fields sealed."""
    rows = OutboxEvent.objects.filter(sequence__in=sequences)
    return dict(rows.values_list("sequence", "payload"))


def _awaited(status: Status, handler: str, pairs: Sequence[tuple[Told, Hearing]]) -> Awaited:
    events = {told.event.sequence: told for told, _ in pairs}
    return Awaited(status, handler, tuple(events.values()), tuple(hearing for _, hearing in pairs))


def _by_cause(events: Iterable[OutboxEvent]) -> list[tuple[OutboxEvent, int]]:
    """
    Return the events depth first, each with its depth: causes over effects, siblings by sequence.

    What was caused by no event of the order, such as a request of staff, begins a tree.
    """
    effects: dict[uuid.UUID | None, list[OutboxEvent]] = defaultdict(list)
    known: set[uuid.UUID] = set()
    for event in events:  # an effect has a higher sequence than its cause
        effects[event.causation_id if event.causation_id in known else None].append(event)
        known.add(event.event_id)
    found, ahead = [], [(event, 0) for event in reversed(effects[None])]
    while ahead:
        event, depth = ahead.pop()
        found.append((event, depth))
        ahead += [(effect, depth + 1) for effect in reversed(effects[event.event_id])]
    return found


class _Facts:
    """What the tables say of some events: a query for each."""

    def __init__(self, events: Sequence[OutboxEvent]) -> None:
        ids = [event.event_id for event in events]
        marks = InboxMark.objects.filter(event_id__in=ids)
        failures = Delivery.objects.filter(event_id__in=ids).defer("traceback")
        self._marks: dict[uuid.UUID, dict[str, dt.datetime]] = defaultdict(dict)
        for event_id, handler, handled_at in marks.values_list("event_id", "handler", "handled_at"):
            self._marks[event_id][handler] = handled_at
        self._failures: dict[uuid.UUID, dict[str, Delivery]] = defaultdict(dict)
        for failure in failures:
            self._failures[failure.event_id][failure.handler] = failure
        self._since: Mapping[str, dt.datetime] = dict(
            Subscription.objects.values_list("handler", "since")
        )

    def hearings(self, event: OutboxEvent) -> tuple[Hearing, ...]:
        """Return what became of the event at each handler that hears it, or that once did."""
        marks, failures = self._marks[event.event_id], self._failures[event.event_id]
        cls = event_class(event.name)
        hearers = {handler.name for handler in hearers_of(cls)} if cls else set()
        return tuple(
            self._hearing(event, name, marks.get(name), failures.get(name))
            for name in sorted(hearers | marks.keys() | failures.keys())
        )

    def _hearing(
        self, event: OutboxEvent, handler: str, done: dt.datetime | None, failure: Delivery | None
    ) -> Hearing:
        if failure:
            return _after_failure(event, failure, done)
        if done:
            return Hearing(handler, Status.DONE, done, attempts=1)
        since = self._since.get(handler)
        if since and event.recorded_at < since:
            return Hearing(handler, Status.EXEMPT, since)
        status = Status.WAITING if event.sent_at else Status.UNSENT
        return Hearing(handler, status, event.recorded_at)


_STATUSES = {
    Delivery.State.FAILED: Status.FAILED,
    Delivery.State.RECOVERED: Status.DONE,
    Delivery.State.DEAD: Status.DEAD,
    Delivery.State.DISCARDED: Status.DISCARDED,
}


def _after_failure(event: OutboxEvent, failure: Delivery, done: dt.datetime | None) -> Hearing:
    """Return what became of an event that was not simply taken; a mark is the last word."""
    status = Status.DONE if done else _STATUSES[Delivery.State(failure.state)]
    is_done = status is Status.DONE
    return Hearing(
        handler=failure.handler,
        status=status,
        at=done or failure.updated_at,
        attempts=failure.attempts + is_done,
        error=failure.error,
        next_attempt_at=None if is_done else next_attempt(failure, sent_at=event.sent_at),
        delivery_id=failure.pk,
    )


def next_attempt(failure: Delivery, *, sent_at: dt.datetime | None) -> dt.datetime | None:
    """
    Estimate when SQS shows the message again, which was sent then; it keeps the time.

    None if nothing has failed since: the event is being sent, or is on its way. None also if
    there is no next time.
    """
    is_newer = sent_at is None or sent_at > failure.updated_at
    receives = (failure.attempts - 1) % limits.MAX_RECEIVES + 1
    if failure.state != Delivery.State.FAILED or is_newer or not failure.attempts:
        return None
    if receives == limits.MAX_RECEIVES:
        return None
    return failure.updated_at + dt.timedelta(seconds=limits.BACKOFF[receives])
