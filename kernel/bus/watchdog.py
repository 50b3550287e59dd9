"""
The watchdog: what a handler should have heard long ago, and hasn't, is sent again.

It asks PostgreSQL alone, so that even a lost message or an emptied queue costs only time. A
handler's watermark (`Subscription.checked_to`) keeps it from reading the log twice: what it has
to send again becomes a row of `bus_delivery`, and these are looked at by their age.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import time
import uuid
from collections.abc import Callable, Sequence

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from kernel import limits
from kernel.bus.event import Event, event_class, event_names
from kernel.bus.history import last_before
from kernel.bus.jobs import every
from kernel.bus.models import Delivery, InboxMark, Subscription
from kernel.bus.outbox import send_again
from kernel.bus.subscriptions import UNKNOWN, Handler, all_handlers, hearers_of
from kernel.transactions import transaction, transaction_required

log = structlog.get_logger(__name__)

SPAN = 2_000  # events of the log that are looked at in one transaction
FAILURES = 500  # and failures
# At most so many are sent again in one run: the relay sends the oldest first, and what is new
# must not wait long behind them.
MOST = 10_000
# What the rows that the watchdog makes say.
LOST = "Not heard of in time: sent again."
UNSENDABLE = "No relay knows this event yet: it waits to be sent."


@every(minutes=1)
def send_unheard() -> None:
    """Send again what handlers haven't heard in time, and log how much that was."""
    at, deadline, sent = timezone.now(), time.monotonic() + limits.PACK_SECONDS, 0
    upto = last_before(at - settings.UNHEARD_AFTER)
    for handler in _by_watermark(upto):
        look = functools.partial(check_span, handler=handler, upto=upto, at=at)
        if count := _repeat(look, MOST - sent, deadline):
            log.warning("unheard_sent_again", handler=handler.name, events=count)
        sent += count
    if count := _repeat(functools.partial(check_failures, at=at), MOST - sent, deadline):
        log.warning("failed_sent_again", events=count)


@dataclasses.dataclass(frozen=True)
class Looked:
    """What one look came to: how many events were sent again, and whether there is more."""

    sent: int
    is_more: bool = False


def _by_watermark(upto: int) -> list[Handler]:
    """Return the handlers that have events ahead of them, who waits for the longest first."""
    handlers = {handler.name: handler for handler in all_handlers()}
    rows = Subscription.objects.filter(handler__in=handlers).order_by("checked_to", "handler")
    watermarks = dict(rows.values_list("handler", "checked_to"))
    if missing := sorted(handlers.keys() - watermarks.keys()):
        log.error("subscriptions_missing", handlers=missing, mend="manage.py migrate")
    return [handlers[name] for name, checked_to in watermarks.items() if checked_to < upto]


def _repeat(look: Callable[[], Looked], most: int, deadline: float) -> int:
    """Look again and again, each time in a transaction; return how many events were sent."""
    sent, is_more = 0, True
    while is_more and sent < most and time.monotonic() < deadline:
        with transaction():
            looked = look()
        sent, is_more = sent + looked.sent, looked.is_more
    return sent


@transaction_required
def check_span(*, handler: Handler, upto: int, at: dt.datetime) -> Looked:
    """
    Look at the next events after a handler's watermark, up to this sequence, and move it.

    It stops before the first that may still be heard without us: one that is younger than the
    limit, waits to be sent, or was sent less than the limit ago. Who comes while another is at it
    does nothing.
    """
    own = Subscription.objects.select_for_update(skip_locked=True)
    subscription = own.filter(handler=handler.name).first()
    if subscription is None:
        return Looked(0)
    edge, is_full, unheard = _look(subscription, handler, upto, at - settings.UNHEARD_AFTER)
    stop = next((event.sequence for event in unheard if not event.is_due), None)
    reached = edge if stop is None else stop - 1
    due = [event.event_id for event in unheard if event.sequence <= reached]
    if due:
        _record(handler, due, at)
    if reached > subscription.checked_to:
        own.filter(pk=handler.name).update(checked_to=reached)
    return Looked(send_again(event_ids=due), is_more=is_full and stop is None)


@dataclasses.dataclass(frozen=True)
class _Unheard:
    """An event without mark and without a row among the deliveries."""

    sequence: int
    event_id: uuid.UUID
    is_due: bool


def _look(
    subscription: Subscription, handler: Handler, upto: int, limit: dt.datetime
) -> tuple[int, bool, list[_Unheard]]:
    """
    Return how far this look reaches, whether it is full, and what the handler hasn't heard.

    It reaches up to the first event of any kind that is younger than the limit: below that one
    another may still commit that has a lower sequence, and the watermark would have passed it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _UNHEARD,
            {
                "handler": handler.name,
                "since": subscription.since,
                "checked_to": subscription.checked_to,
                "upto": upto,
                "names": names_heard(handler),
                "known": event_names(),
                "limit": limit,
                "span": SPAN,
            },
        )
        rows = cursor.fetchall()
    edge, size = rows[0][:2]
    unheard = [_Unheard(*row[2:]) for row in rows if row[2] is not None]
    return edge, size == SPAN, unheard


_UNHEARD = """
WITH span AS MATERIALIZED (
    SELECT sequence, event_id, name, recorded_at, sent_at, set_aside
    FROM bus_outbox WHERE sequence > %(checked_to)s AND sequence <= %(upto)s
    ORDER BY sequence LIMIT %(span)s
), old AS MATERIALIZED (
    SELECT * FROM span WHERE sequence < coalesce(
        (SELECT min(sequence) FROM span WHERE recorded_at >= %(limit)s), 9223372036854775807)
), unheard AS (
    SELECT sequence, event_id, CASE WHEN sent_at IS NULL
        THEN set_aside <> '' OR name <> ALL(%(known)s) ELSE sent_at < %(limit)s END AS is_due
    FROM old
    WHERE recorded_at >= %(since)s
        AND (%(names)s::text[] IS NULL OR name = ANY(%(names)s::text[]))
        AND NOT EXISTS (
            SELECT FROM bus_inbox AS mark
            WHERE mark.event_id = old.event_id AND mark.handler = %(handler)s)
        AND NOT EXISTS (
            SELECT FROM bus_delivery AS delivery
            WHERE delivery.event_id = old.event_id AND delivery.handler = %(handler)s)
)
SELECT edge.*, unheard.*
FROM (SELECT coalesce(max(sequence), %(checked_to)s), count(*) FROM old) AS edge
LEFT JOIN unheard ON true
ORDER BY unheard.sequence
"""


def names_heard(handler: Handler) -> list[str] | None:
    """Return the names of the events that a handler hears; None for every name, known or not."""
    if handler.event is Event:
        return None
    classes = filter(None, map(event_class, event_names()))
    return [cls.name for cls in classes if issubclass(cls, handler.event)]


def _record(handler: Handler, event_ids: Sequence[uuid.UUID], at: dt.datetime) -> None:
    """Let everyone see what isn't simply done; from now on it is looked at beside the watermark."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO bus_delivery (event_id, handler, name, order_id, state, attempts, error,
                traceback, first_failed_at, updated_at)
            SELECT event_id, %(handler)s, name, order_id, 'FAILED', 0,
                CASE WHEN sent_at IS NOT NULL THEN %(lost)s
                    WHEN set_aside = '' THEN %(unsendable)s
                    ELSE left('Set aside: ' || set_aside, 500) END,
                '', %(at)s, %(at)s
            FROM bus_outbox WHERE event_id = ANY(%(event_ids)s)
            ON CONFLICT (event_id, handler) DO NOTHING
            """,
            {
                "handler": handler.name,
                "lost": LOST,
                "unsendable": UNSENDABLE,
                "at": at,
                "event_ids": list(event_ids),
            },
        )


@transaction_required
def check_failures(*, at: dt.datetime) -> Looked:
    """
    Look at failures of which nothing was heard for longer than the limit, the oldest first.

    What has been taken meanwhile is noted as recovered; of the rest, those events are sent again
    whose last sending is longer ago than the limit.
    """
    rows = _old_failures(at - settings.UNHEARD_AFTER)
    taken = _taken(rows)
    known = {handler.name for handler in all_handlers()}
    due = [row for row in rows if row.is_due and row.handler in known and row.id not in taken]
    sent = send_again(event_ids=[row.event_id for row in due])
    seen = Delivery.objects.filter(pk__in=[row.id for row in rows])
    seen.update(updated_at=at)
    seen.filter(pk__in=taken).update(state=Delivery.State.RECOVERED)
    return Looked(sent, is_more=len(rows) == FAILURES)


@dataclasses.dataclass(frozen=True)
class _Failure:
    id: int
    event_id: uuid.UUID
    handler: str
    name: str
    is_due: bool

    def hearers(self) -> list[str]:
        """Return who should have taken the event: for a queue that knew none, all who hear it."""
        if self.handler != UNKNOWN:
            return [self.handler]
        cls = event_class(self.name)
        return [handler.name for handler in hearers_of(cls)] if cls else []


def _taken(rows: Sequence[_Failure]) -> set[int]:
    """Return those that have been taken after all: a success and a failure may cross."""
    marks = InboxMark.objects.filter(event_id__in=[row.event_id for row in rows])
    taken = set(marks.values_list("event_id", "handler"))
    expected = {row.id: {(row.event_id, name) for name in row.hearers()} for row in rows}
    return {id_ for id_, those in expected.items() if those and those <= taken}


def _old_failures(limit: dt.datetime) -> list[_Failure]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH old AS MATERIALIZED (
                SELECT id, event_id, handler, name, updated_at FROM bus_delivery
                WHERE state = 'FAILED' AND updated_at < %(limit)s
                ORDER BY updated_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
            )
            SELECT old.id, old.event_id, old.handler, old.name,
                coalesce(event.sent_at < %(limit)s, false)
            FROM old LEFT JOIN bus_outbox AS event ON event.event_id = old.event_id
            ORDER BY old.updated_at
            """,
            {"limit": limit, "most": FAILURES},
        )
        return [_Failure(*row) for row in cursor.fetchall()]
