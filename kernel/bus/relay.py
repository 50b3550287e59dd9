"""From the outbox to the queues: packs of events, sent in order, marked when all took them."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import structlog
from celery import current_app
from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from kernel import tracing
from kernel.bus import sqs
from kernel.bus.envelope import Envelope, to_wire
from kernel.bus.event import event_class, event_names
from kernel.bus.liveness import show_alive
from kernel.bus.models import OutboxEvent
from kernel.bus.spans import sending
from kernel.bus.subscriptions import queues_of
from kernel.bus.tasks import deliver
from kernel.ids import new_id
from kernel.transactions import transaction

log = structlog.get_logger(__name__)

ROWS = 500
PACK_EVENTS = 25
PACK_BYTES = 40_000  # SQS bills by 64 KB; JSON within JSON grows
EVENT_BYTES = 250_000  # a larger one is a fault of who says it
LONGEST_DELAY = 30
# Seconds between looks at an outbox that is empty: ever longer, up to the last.
IDLE = (0.01, 0.2)
IDLE_GROWTH = 1.1
# Seconds until the next try when nothing can be sent, or the database is away.
OUTAGE = (0.5, 5.0)


@dataclasses.dataclass(frozen=True)
class Pack:
    """What travels in one message: events for one queue."""

    queue: str
    events: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    sequences: list[int] = dataclasses.field(default_factory=list)


Courier = Callable[[Sequence[Pack]], list[Pack]]
"""Sends packs; returns those that it could not."""


@dataclasses.dataclass(frozen=True)
class Sent:
    """What one batch came to: rows sent, and rows to be tried again."""

    rows: int = 0
    failed: int = 0


class SqsCourier:
    """Sends each pack as one message, ten in a request."""

    def __init__(self) -> None:
        self._producer = current_app.amqp.Producer(current_app.connection_for_write())

    def __call__(self, packs: Sequence[Pack]) -> list[Pack]:
        """Send packs; return those that no queue took."""
        with sqs.batch() as errors:
            ids = [self._send(pack) for pack in packs]
        failed = [pack for pack, key in zip(packs, ids, strict=True) if key in errors]
        if failed:
            log.warning("sending_failed", packs=len(failed), error=next(iter(errors.values())))
        return failed

    def _send(self, pack: Pack) -> str:
        key = str(new_id())
        deliver.apply_async(  # type: ignore[call-arg]  # argsrepr is documented
            args=(pack.events,),
            queue=pack.queue,
            task_id=key,
            producer=self._producer,
            argsrepr=f"{len(pack.events)} events",  # Celery would print them, half of each
        )
        return key


class Relay:
    """Sends what is due; several may run at once."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier
        self._is_stopping = False
        self._idle, self._outage = IDLE[0], OUTAGE[0]

    def stop(self) -> None:
        """End `run` after the batch that is under way; safe in a signal handler."""
        self._is_stopping = True

    def run(self) -> None:
        """Send what is due until `stop`; outlive the database's and SQS's absence."""
        while not self._is_stopping:
            show_alive()
            time.sleep(self._step())

    def _step(self) -> float:
        """Send a batch; return how long to wait for the next."""
        try:
            sent = self.send_due(at=timezone.now())
        except DatabaseError as error:
            log.warning("database_away", error=type(error).__name__)
            connection.close()
            return self._grown_outage()
        if sent.failed and not sent.rows:
            return self._grown_outage()
        self._outage = OUTAGE[0]
        pause, self._idle = self._idle, min(self._idle * IDLE_GROWTH, IDLE[1])
        if sent.rows:
            pause, self._idle = 0, IDLE[0]
        return pause

    def _grown_outage(self) -> float:
        pause, self._outage = self._outage, min(self._outage * 2, OUTAGE[1])
        return pause

    def send_due(self, *, at: dt.datetime) -> Sent:
        """
        Send the oldest events that are due.

        They stay locked meanwhile, so that no other relay takes them. The marks commit after
        the sending: who dies in between sends again, and the inbox drops the copy.
        """
        with transaction():
            encoded = list(_encoded(_due(at)))
            with contextlib.ExitStack() as ending:
                for event in encoded:
                    ending.callback(event.span.end)
                missed = self._send(encoded)
            sent = [event.sequence for event in encoded if event.sequence not in missed]
            _mark(sent, sorted(missed), at)
        return Sent(len(sent), len(missed))

    def _send(self, encoded: Sequence[Encoded]) -> set[int]:
        """Send events; return the sequences of those that a queue didn't take."""
        failed = self._courier(packs(encoded)) if encoded else []
        missed = {sequence for pack in failed for sequence in pack.sequences}
        for event in encoded:
            if event.sequence in missed:
                event.span.fail("NotTaken")
        return missed


@dataclasses.dataclass(frozen=True)
class Encoded:
    """An event as it travels, with its size in bytes."""

    sequence: int
    queues: Sequence[str]
    wire: dict[str, Any]
    size: int
    span: tracing.Span


def packs(events: Iterable[Encoded]) -> list[Pack]:
    """Pack events by queue, in order; what talks to the outside world gets packs of one."""
    done: list[Pack] = []
    filling: dict[str, tuple[Pack, int]] = {}
    for event in events:
        for queue in event.queues:
            pack, size = filling.get(queue, (Pack(queue), 0))
            if pack.events and not _fits(pack, size + event.size):
                pack, size = Pack(queue), 0
            if not pack.events:
                done.append(pack)
            pack.events.append(event.wire)
            pack.sequences.append(event.sequence)
            filling[queue] = pack, size + event.size
    return done


def _fits(pack: Pack, size: int) -> bool:
    most = 1 if pack.queue.endswith("-outside") else PACK_EVENTS
    return len(pack.events) < most and size <= PACK_BYTES


def _due(at: dt.datetime) -> list[OutboxEvent]:
    """Lock what is to be sent; a name that this code doesn't know waits for a newer relay."""
    due = OutboxEvent.objects.select_for_update(skip_locked=True).filter(
        Q(next_try_at=None) | Q(next_try_at__lte=at),
        sent_at=None,
        set_aside="",
        name__in=event_names(),
    )
    return list(due.order_by("sequence")[:ROWS])


def _encoded(rows: Iterable[OutboxEvent]) -> Iterator[Encoded]:
    for row in rows:
        cls = event_class(row.name)
        queues = queues_of(cls) if cls else ()
        span = sending(row, queues)
        try:
            wire = to_wire(dataclasses.replace(Envelope.of(row), traceparent=span.traceparent))
            size = len(json.dumps(wire, allow_nan=False))
        except (TypeError, ValueError) as error:
            _set_aside(row, span, f"{type(error).__name__}: it has no form in JSON.")
            continue
        if size > EVENT_BYTES:
            _set_aside(row, span, f"It has {size} bytes; at most {EVENT_BYTES} travel.")
        else:
            yield Encoded(row.sequence, queues, wire, size, span)


def _set_aside(row: OutboxEvent, span: tracing.Span, reason: str) -> None:
    span.fail("SetAside")
    span.end()
    log.error("event_set_aside", event_id=str(row.event_id), name=row.name, reason=reason)
    OutboxEvent.objects.filter(pk=row.pk).update(set_aside=reason)


def _mark(sent: Sequence[int], missed: Sequence[int], at: dt.datetime) -> None:
    if sent:
        OutboxEvent.objects.filter(sequence__in=sent).update(sent_at=at)
    if missed:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE bus_outbox SET tries = tries + 1, next_try_at =
                    %s + least(2 ^ least(tries, 10), %s) * interval '1 second'
                WHERE sequence = ANY(%s)
                """,
                [at, LONGEST_DELAY, list(missed)],
            )
