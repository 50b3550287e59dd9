"""Reading the log: from a time on, in batches of constant size, and as it grows."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
import uuid
from collections.abc import Collection, Iterator

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from kernel import limits
from kernel.bus.event import event_names
from kernel.bus.models import OutboxEvent

# How many events are held in memory at a time.
BATCH = 500
# By how much the clocks of those who write the log may differ: only its sequence is strictly in
# order. No transaction is open for so long either.
MARGIN = dt.timedelta(minutes=5)
# Between two looks at the transactions that are waited for.
PAUSE_SECONDS = 0.02


class LogBusy(Exception):
    """A transaction that writes to the log has been open for too long to wait for it."""


@dataclasses.dataclass(frozen=True)
class Selection:
    """Which events of the log are meant; without anything, all. Times are those of recording."""

    names: Collection[str] | None = None
    patterns: Collection[str] = ()  # regular expressions that the name must match
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    subject: uuid.UUID | None = None
    order_id: uuid.UUID | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether an index leads to the events; else the log is read from end to end."""
        return bool(self.subject or self.order_id)

    def rows(self) -> QuerySet[OutboxEvent]:
        """Return the rows that are meant, by sequence."""
        # The index of subjects begins with the name.
        names = event_names() if self.subject and self.names is None else self.names
        rows = OutboxEvent.objects.order_by("sequence")
        if names is not None:
            rows = rows.filter(name__in=names)
        for pattern in self.patterns:
            rows = rows.filter(name__regex=pattern)
        wanted = {
            "recorded_at__gte": self.since,
            "recorded_at__lt": self.until,
            "subject": self.subject,
            "order_id": self.order_id,
        }
        return rows.filter(**{field: value for field, value in wanted.items() if value})

    def span(self) -> tuple[int, int]:
        """Return the sequences after which, and up to which, the events lie."""
        after = last_before(self.since - MARGIN) if self.since else 0
        return after, last_before(self.until + MARGIN) if self.until else newest()


@dataclasses.dataclass(frozen=True)
class Batch:
    """Some rows, and the sequence up to which all that were meant have been read."""

    rows: list[OutboxEvent]
    position: int


def batches(selection: Selection, *, after: int, upto: int) -> Iterator[Batch]:
    """Read what is selected in this span of the log, by sequence."""
    while after < upto:
        edge = upto if selection.is_narrow else _edge(after, upto)
        rows = list(selection.rows().filter(sequence__gt=after, sequence__lte=edge)[:BATCH])
        after = rows[-1].sequence if len(rows) == BATCH else edge
        yield Batch(rows, after)


def newest() -> int:
    """Return the highest sequence that is committed; 0 if the log is empty."""
    return next(iter(_sequences().order_by("-sequence")[:1]), 0)


def last_before(at: dt.datetime) -> int:
    """
    Return the last sequence that was recorded before a time; 0 if there is none.

    It is found by halving the log: times rise with the sequence, but for the clocks' difference.
    """
    low, high = 0, newest()
    while low < high:
        middle = (low + high) // 2
        rows = OutboxEvent.objects.filter(sequence__gt=middle).order_by("sequence")
        found = rows.values_list("sequence", "recorded_at").first()
        if found and found[1] < at:
            low = found[0]
        else:
            high = middle
    return low


def settled() -> int:
    """
    Return a sequence up to which the log is final: what isn't there will never come.

    A lower sequence may commit after a higher one, so this waits for the transactions that were
    writing when it was called; it keeps nobody from writing.

    :raises LogBusy: if one of them stays open.
    """
    upto, others = newest(), _writers()
    deadline = time.monotonic() + limits.WRITERS_SECONDS
    while others := others & _writers():
        if time.monotonic() > deadline:
            raise LogBusy("A transaction that writes to the log stays open.")
        time.sleep(PAUSE_SECONDS)
    return upto


class Follower:
    """
    Reads each event of a growing log once, although a lower sequence may commit after a higher.

    Up to `_final` nothing can come any more. What was read after that is remembered by its
    sequence until it is final too: when those who were writing then have ended.
    """

    def __init__(self, *, after: int, seen: Collection[int] = ()) -> None:
        self._final = after
        self._seen = set(seen)
        self._next, self._others = newest(), _writers()

    @classmethod
    def from_now(cls) -> Follower:
        """Return one to which what is committed by now isn't new; what commits later is."""
        after = last_before(timezone.now() - MARGIN)
        return cls(after=after, seen=set(_sequences().filter(sequence__gt=after)))

    def has_seen(self, row: OutboxEvent) -> bool:
        """Say whether an event isn't new, or is too old to be looked for."""
        return row.sequence <= self._final or row.sequence in self._seen

    def read(self, selection: Selection) -> list[OutboxEvent]:
        """Return what is selected and new, by sequence, at most a batch; again until it is []."""
        is_final = not self._others & _writers()
        rows = selection.rows()
        ahead = rows.filter(sequence__gt=self._final).values_list("sequence", flat=True)
        fresh = [sequence for sequence in ahead.iterator() if sequence not in self._seen][:BATCH]
        self._seen.update(fresh)
        if is_final and len(fresh) < BATCH:
            self._settle()
        return list(rows.filter(sequence__in=fresh)) if fresh else []

    def _settle(self) -> None:
        self._final = self._next
        self._seen = {sequence for sequence in self._seen if sequence > self._final}
        self._next, self._others = newest(), _writers()


def _sequences() -> QuerySet[OutboxEvent, int]:
    return OutboxEvent.objects.values_list("sequence", flat=True)


def _edge(after: int, upto: int) -> int:
    """Return where a batch ends that begins after a sequence; the log has gaps."""
    ahead = _sequences().filter(sequence__gt=after, sequence__lte=upto).order_by("sequence")
    return next(iter(ahead[BATCH - 1 : BATCH]), upto)


def _writers() -> frozenset[str]:
    """
    Return the open transactions of others that may have written to the log.

    Who inserts a row holds this lock before the row gets its sequence, and until it commits.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT virtualtransaction FROM pg_locks
            WHERE locktype = 'relation' AND relation = 'bus_outbox'::regclass
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND mode = 'RowExclusiveLock' AND granted AND pid <> pg_backend_pid()
            """
        )
        return frozenset(transaction for (transaction,) in cursor.fetchall())
