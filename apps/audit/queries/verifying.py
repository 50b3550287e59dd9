"""Whether anyone bent what was recorded."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections.abc import Iterator

from django.db.models import Max

from apps.audit.models import GENESIS, Chain, Record, kept_until

BATCH = 2_000


@dataclasses.dataclass(frozen=True)
class Breach:
    """The first place of a chain that doesn't hold."""

    kind: str  # "changed", "removed" or "inserted"
    seq: int
    event_id: uuid.UUID | None  # None for a record that is gone
    detail: str


def chains() -> list[Chain]:
    """Return the heads of all chains, by name."""
    return list(Chain.objects.order_by("name"))


def expired(*, on: dt.date) -> list[str]:
    """Return the names of the chains whose records may go on this day, the oldest first."""
    rows = Chain.objects.filter(kept_until__lte=on, dropped_at=None)
    return list(rows.order_by("month", "name").values_list("name", flat=True))


def verify(chain: Chain) -> Iterator[int | Breach]:
    """
    Walk a chain from its first record to its head: yield how far it holds, batch by batch.

    The last thing is a `Breach` if it doesn't hold. Records may be appended meanwhile:
    what this reads of the head is newer than the last record it knows of. Of a chain that was
    dropped there is nothing to walk, but that its time was over.
    """
    newest = Record.objects.filter(chain=chain).aggregate(newest=Max("seq"))["newest"] or 0
    head = Chain.objects.get(name=chain.name)
    if head.dropped_at:
        if breach := _dropped_wrongly(head, newest):
            yield breach
        return
    walk = _Walk()
    while batch := _next(head, walk.seq):
        for record in batch:
            if breach := walk.step(record):
                yield breach
                return
        yield walk.seq
    if breach := _end(head, walk, newest):
        yield breach


def _dropped_wrongly(head: Chain, newest: int) -> Breach | None:
    if newest:
        return Breach("inserted", newest, None, "the chain's head says that it was dropped")
    if head.dropped_at and head.dropped_at.date() < kept_until(head.retention, head.month):
        return Breach("removed", 1, None, "the chain was dropped before its time")
    return None


def _next(head: Chain, seq: int) -> list[Record]:
    rows = Record.objects.filter(chain=head, seq__gt=seq, seq__lte=head.last_seq)
    return list(rows.order_by("seq")[:BATCH])


def _end(head: Chain, walk: _Walk, newest: int) -> Breach | None:
    if walk.seq < head.last_seq:
        return _removed(walk.seq + 1)
    if walk.hash != head.last_hash:
        return Breach("changed", walk.seq, walk.event_id, "the chain's head knows another hash")
    if newest > head.last_seq:
        behind = Record.objects.filter(chain=head, seq__gt=head.last_seq).order_by("seq")[0]
        return Breach("inserted", behind.seq, behind.event_id, "it lies behind the chain's head")
    return None


def _removed(seq: int) -> Breach:
    return Breach("removed", seq, None, "its place is empty")


class _Walk:
    """Where the walk stands: the last record that holds, and the hash before it."""

    def __init__(self) -> None:
        self.seq = 0
        self.event_id: uuid.UUID | None = None
        self.hash = self.hash_before = GENESIS

    def step(self, record: Record) -> Breach | None:
        """Take one record; return what is broken, here or one before."""
        if record.seq != self.seq + 1:
            return _removed(self.seq + 1)
        if record.hash != record.digest():
            return Breach("changed", record.seq, record.event_id, "its hash is another")
        if record.prev_hash != self.hash:
            return self._name_stranger(record)
        self.seq, self.event_id = record.seq, record.event_id
        self.hash_before, self.hash = self.hash, record.hash
        return None

    def _name_stranger(self, record: Record) -> Breach:
        if self.seq == 0:
            return Breach("removed", 1, None, "the first record names one before it")
        if record.prev_hash == self.hash_before:
            detail = "the record behind it knows nothing of it"
            return Breach("inserted", self.seq, self.event_id, detail)
        detail = "the record behind it knows another: it was rewritten, or one was removed after it"
        return Breach("changed", self.seq, self.event_id, detail)
