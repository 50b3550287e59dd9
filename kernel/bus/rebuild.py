"""
Rebuild: a replica is filled anew from the log, compared, and mended, while everything goes on.

The real handlers fill it; a shadow hides the replica from them. They run read-only, which to
PostgreSQL means that nothing but temporary tables is written: a handler that does more than fill
its replica fails, instead of doing it a second time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence

from django.db import InternalError, OperationalError, connection
from psycopg import errors

from kernel import limits
from kernel.bus import history
from kernel.bus.envelope import Envelope
from kernel.bus.models import InboxMark, OutboxEvent
from kernel.bus.personal import Keys, keys_of
from kernel.bus.replicas import Replica
from kernel.bus.shadow import Counts, Difference, Shadow
from kernel.bus.spans import hearing
from kernel.bus.subscriptions import Handler
from kernel.transactions import savepoint, transaction

Advance = Callable[[int], None]
# As long as new events come faster than they are read, at most so many times more.
MOST_ROUNDS = 20
# Between two tries to get the replica's lock, its writers have their way.
PAUSE_SECONDS = 1


class RebuildFailed(Exception):
    """The replica was not rebuilt; nothing was changed."""


class MoreThanAReplica(RebuildFailed):
    """A handler that is declared to fill a replica writes elsewhere too."""


class ReplicaBusy(RebuildFailed):
    """The replica's writers left no gap in which it could be locked."""


@dataclasses.dataclass(frozen=True)
class Findings:
    """What a rebuild has read and found; `differences` are the first, by key."""

    events: int
    waiting: int  # how many of these a handler had not taken yet when they were read
    counts: Counts
    differences: list[Difference]

    @property
    def is_equal(self) -> bool:
        """Whether replica and log agree."""
        return not (self.counts.missing or self.counts.surplus or self.counts.different)


class Rebuild:
    """One rebuild of one replica; at most `shown` differences are told one by one."""

    def __init__(self, replica: Replica, *, shown: int = 20) -> None:
        self._hearers = replica.hearers()
        self._selection = history.Selection(names=sorted(self._hearers))
        self._handlers = [handler.name for handler in replica.handlers]
        self._shadow = Shadow(table=replica.table, key=replica.key, columns=replica.columns)
        self._shown = shown
        self._position = self._events = self._waiting = 0

    def compare(self, advance: Advance) -> Findings:
        """
        Say how the replica differs from what the log tells; nothing changes, and nobody waits.

        :raises MoreThanAReplica:
        :raises kernel.bus.history.LogBusy: if someone writes to the log for too long.
        """
        with self._shadow.hiding():
            self._catch_up(advance)
            with transaction():
                _execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # log and replica agree
                self._hear_the_rest()
                return self._findings()

    def mend(self, advance: Advance) -> Findings:
        """
        Change the replica to what the log tells, and say how it differed.

        While the two are compared its writers wait, for a moment; readers don't.

        :raises MoreThanAReplica:
        :raises ReplicaBusy:
        :raises kernel.bus.history.LogBusy: if someone writes to the log for too long.
        """
        with self._shadow.hiding():
            self._catch_up(advance)
            for _ in range(limits.REPLICA_LOCK_TRIES):
                with contextlib.suppress(ReplicaBusy):
                    return self._swap()
                time.sleep(PAUSE_SECONDS)
                self._catch_up(advance)
        raise ReplicaBusy("The replica's writers left no gap in which it could be locked.")

    def _swap(self) -> Findings:
        heard = self._events, self._waiting
        try:
            with transaction():
                self._shadow.lock()
                # Whatever the replica has taken is committed, so this finds it.
                self._hear_the_rest()
                findings = self._findings()
                self._shadow.mend()
        except OperationalError as error:
            if isinstance(error.__cause__, errors.LockNotAvailable):
                self._events, self._waiting = heard
                raise ReplicaBusy from error
            raise
        return findings

    def _catch_up(self, advance: Advance) -> None:
        """Hear the log, until what is left of it is short."""
        for _ in range(MOST_ROUNDS):
            upto = history.settled()
            for batch in self._batches(upto):
                if batch.rows:
                    with transaction():
                        self._hear(batch.rows)
                advance(batch.position - self._position)
                self._position = batch.position
            if history.newest() - self._position < history.BATCH:
                break
        self._shadow.analyze()

    def _hear_the_rest(self) -> None:
        for batch in self._batches(history.newest()):
            self._hear(batch.rows)

    def _batches(self, upto: int) -> Iterator[history.Batch]:
        return history.batches(self._selection, after=self._position, upto=upto)

    def _hear(self, rows: Sequence[OutboxEvent]) -> None:
        envelopes = [Envelope.of(row) for row in rows]
        keys = keys_of(person for envelope in envelopes if (person := envelope.person_id))
        hearings = [(h, envelope) for envelope in envelopes for h in self._hearers[envelope.name]]
        with savepoint():
            _execute("SET TRANSACTION READ ONLY")  # until the savepoint ends
            for handler, envelope in hearings:
                _run(handler, envelope, keys)
        marks = InboxMark.objects.filter(handler__in=self._handlers)
        ids = [envelope.event_id for envelope in envelopes]
        self._waiting += len(hearings) - marks.filter(event_id__in=ids).count()
        self._events += len(envelopes)

    def _findings(self) -> Findings:
        differences = self._shadow.differences(self._shown)
        return Findings(self._events, self._waiting, self._shadow.counts(), differences)


def _run(handler: Handler, envelope: Envelope, keys: Keys) -> None:
    try:
        with hearing(handler, envelope):
            handler.run(envelope.event(keys))
    except InternalError as error:
        if isinstance(error.__cause__, errors.ReadOnlySqlTransaction):
            raise MoreThanAReplica(
                f"{handler.name} writes elsewhere than to its replica, so it can't be rebuilt."
            ) from error
        raise


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
