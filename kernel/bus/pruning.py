"""
Retention: old events leave the log once nobody can need them, and their marks leave with them.

A mark is what keeps a copy from taking effect twice, so no event goes of which a copy may still
be under way; and what isn't settled, or is a replica's newest word of its subject, stays.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator

import structlog
from django.conf import settings
from django.db import connection
from django.db.models import Min
from django.utils import timezone

from kernel import limits
from kernel.bus import history
from kernel.bus.jobs import every
from kernel.bus.models import OutboxEvent, Subscription
from kernel.bus.replicas import replicas
from kernel.bus.subscriptions import all_handlers
from kernel.transactions import transaction, transaction_required

log = structlog.get_logger(__name__)

SPAN = 1_000  # events of the log that are looked at in one transaction
PAUSE_SECONDS = 0.05  # between two, so that others get their turn
_LOCK = "bus.prune"

# What becomes of an event that is old enough: it goes, or the reason why it stays.
GOES = "goes"
YOUNG = "younger than that"
UNSENT = "not sent"
SENT_LATELY = "sent again lately"
OPEN = "failed or dead"
NEWEST = "the newest that feeds a replica"


class TooYoung(ValueError):
    """Copies of events that are younger may still be under way."""


class LogInUse(Exception):
    """A replay sets marks for old events, which must stay meanwhile; or another prunes the log."""


@dataclasses.dataclass(frozen=True)
class Span:
    """A stretch of the log: where it ends, and how many of its events have which fate."""

    upto: int
    fates: Counter[str]


@every(minutes=60)
def prune_log() -> None:
    """Delete what is older than the setting allows, for a while; the next run goes on."""
    if not settings.LOG_RETENTION:
        return
    at, deadline, gone = timezone.now(), time.monotonic() + limits.PACK_SECONDS, 0
    try:
        for span in spans(prune_span, before=at - settings.LOG_RETENTION, at=at):
            gone += span.fates[GOES]
            if time.monotonic() > deadline:
                break
            time.sleep(PAUSE_SECONDS)
    except LogInUse:
        log.info("log_in_use")
    if gone:
        log.info("log_pruned", events=gone)


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Let nothing be pruned while the block sets marks for old events."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(hashtextextended(%s, 0))", [_LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_shared(hashtextextended(%s, 0))", [_LOCK])


def stretch(*, before: dt.datetime, at: dt.datetime) -> tuple[int, int]:
    """
    Return the sequences after which, and up to which, events may go that are older.

    It ends where the watchdog's slowest watermark is: what lies beyond may still be unheard.

    :raises TooYoung: if the log must be kept for longer.
    """
    if before > at - dt.timedelta(days=limits.LOG_DAYS):
        raise TooYoung(f"The log is kept for at least {limits.LOG_DAYS} days.")
    first = OutboxEvent.objects.order_by("sequence").values_list("sequence", flat=True).first()
    after = (first or 1) - 1
    return after, max(after, min(history.last_before(before), checked_to()))


def spans(look: Callable[..., Span], *, before: dt.datetime, at: dt.datetime) -> Iterator[Span]:
    """
    Go through what was recorded before a time with `prune_span` or `count_span`.

    :raises TooYoung: if the log must be kept for longer.
    :raises LogInUse: while a replay keeps the log, or another prunes it.
    """
    after, end = stretch(before=before, at=at)
    while after < end:
        with transaction():
            span = look(after=after, end=end, before=before, at=at)
        yield span
        after = span.upto


@transaction_required
def count_span(*, after: int, end: int, before: dt.datetime, at: dt.datetime) -> Span:
    """Say what `prune_span` would do."""
    return _span(_fates(after, end, before, at), end)


@transaction_required
def prune_span(*, after: int, end: int, before: dt.datetime, at: dt.datetime) -> Span:
    """
    Delete the events after a sequence that can go, with their marks and settled deliveries.

    :raises LogInUse: while a replay keeps the log, or another prunes it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [_LOCK])
        if not cursor.fetchone()[0]:
            raise LogInUse
        fates = _fates(after, end, before, at)
        going = [event_id for _, event_id, fate in fates if fate == GOES]
        # Who has it sent again in this moment either comes first, and then it stays, or too late.
        cursor.execute(
            "DELETE FROM bus_outbox WHERE event_id = ANY(%s) AND sent_at < %s RETURNING event_id",
            [going, _lately(at)],
        )
        gone = [event_id for (event_id,) in cursor.fetchall()]
        cursor.execute("DELETE FROM bus_inbox WHERE event_id = ANY(%s)", [gone])
        cursor.execute("DELETE FROM bus_delivery WHERE event_id = ANY(%s)", [gone])
    span = _span(fates, end)
    span.fates[GOES] = len(gone)
    return span


def checked_to() -> int:
    """Return the sequence up to which the watchdog has looked after every handler."""
    handlers = [handler.name for handler in all_handlers()]
    rows = Subscription.objects.filter(handler__in=handlers)
    return rows.aggregate(least=Min("checked_to"))["least"] or 0


def _lately(at: dt.datetime) -> dt.datetime:
    return at - dt.timedelta(days=limits.LOG_DAYS)


def _span(fates: list[tuple[int, uuid.UUID, str]], end: int) -> Span:
    upto = fates[-1][0] if len(fates) == SPAN else end
    return Span(upto, Counter(fate for _, _, fate in fates))


def _fates(
    after: int, end: int, before: dt.datetime, at: dt.datetime
) -> list[tuple[int, uuid.UUID, str]]:
    """Return sequence, id and fate of the events after a sequence."""
    with connection.cursor() as cursor:
        cursor.execute(
            _FATES,
            {
                "after": after,
                "end": end,
                "span": SPAN,
                "before": before,
                "lately": _lately(at),
                "replicated": [name for replica in replicas() for name in replica.hearers()],
                "goes": GOES,
                "young": YOUNG,
                "unsent": UNSENT,
                "sent_lately": SENT_LATELY,
                "open": OPEN,
                "newest": NEWEST,
            },
        )
        return [(sequence, event_id, fate) for sequence, event_id, fate in cursor.fetchall()]


# A subquery with LIMIT is asked by index for each row; EXISTS may read the whole table instead.
_FATES = """
WITH span AS MATERIALIZED (
    SELECT sequence, event_id, name, subject, recorded_at, sent_at
    FROM bus_outbox WHERE sequence > %(after)s AND sequence <= %(end)s
    ORDER BY sequence LIMIT %(span)s
)
SELECT sequence, event_id, CASE
    WHEN recorded_at >= %(before)s THEN %(young)s
    WHEN sent_at IS NULL THEN %(unsent)s
    WHEN sent_at >= %(lately)s THEN %(sent_lately)s
    WHEN (
        SELECT true FROM bus_delivery AS delivery
        WHERE delivery.event_id = span.event_id AND delivery.state IN ('FAILED', 'DEAD') LIMIT 1
    ) THEN %(open)s
    WHEN name = ANY(%(replicated)s) AND NOT EXISTS (
        SELECT FROM bus_outbox AS newer
        WHERE newer.name = span.name AND newer.subject = span.subject
            AND newer.sequence > span.sequence
    ) THEN %(newest)s
    ELSE %(goes)s END
FROM span ORDER BY sequence
"""
