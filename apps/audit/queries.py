"""Reads: the list of what happened, and whether anyone bent it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Max, Q, QuerySet

from apps.audit.models import GENESIS, Chain, KnownUser, Record
from kernel.bus.personal import is_sealed

BATCH = 2_000

Rows = QuerySet[Record, Any]

ROWS: Rows = Record.objects.values(
    "id",
    "event_id",
    "name",
    "subject",
    "order_id",
    "actor",
    "request_id",
    "causation_id",
    "occurred_at",
    "recorded_at",
    "outcome",
    "payload",
)


@dataclasses.dataclass(frozen=True)
class Breach:
    """The first place of a chain that doesn't hold."""

    kind: str  # "changed", "removed" or "inserted"
    seq: int
    event_id: uuid.UUID | None  # None for a record that is gone
    detail: str


def events(
    *,
    type: str | None = None,  # noqa: A002 -- the filters bear the names of the query
    subject: uuid.UUID | None = None,
    order: uuid.UUID | None = None,
    email: str | None = None,
    request_id: str | None = None,
    outcome: str | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> Rows:
    """Return what meets every condition given; `until` itself is not in it."""
    conditions = {
        "name": type,
        "subject": subject,
        "order_id": order,
        "request_id": request_id,
        "outcome": outcome,
        "occurred_at__gte": since,
        "occurred_at__lt": until,
    }
    found = ROWS.filter(**{name: value for name, value in conditions.items() if value is not None})
    return found.filter(of_person(email)) if email is not None else found


def of_person(email: str) -> Q:
    """Return the condition for all that concerns the holder of an address, their orders too."""
    people = list(KnownUser.objects.filter(email=email.lower()).values_list("id", flat=True))
    named = Record.objects.filter(person_id__in=people)
    orders = named.filter(order_id__isnull=False).values("order_id")
    parts = (
        named,
        Record.objects.filter(subject__in=people),
        Record.objects.filter(order_id__in=orders),
    )
    first, *others = [part.values("id") for part in parts]
    return Q(id__in=first.union(*others))  # a plain OR would read the whole table


def render(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as the API shows it."""
    return {
        "id": row["event_id"],
        "type": row["name"],
        **{name: row[name] for name in ("subject", "order_id", "actor", "request_id")},
        "causation_id": row["causation_id"],
        "occurred_at": row["occurred_at"],
        "recorded_at": row["recorded_at"],
        "outcome": row["outcome"],
        "payload": without_sealed(row["payload"]),
    }


def without_sealed(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload with null where it holds personal data."""
    return {name: None if is_sealed(value) else value for name, value in payload.items()}


def chains() -> list[Chain]:
    """Return the heads of all chains, by name."""
    return list(Chain.objects.order_by("name"))


def verify(chain: Chain) -> Iterator[int | Breach]:
    """
    Walk a chain from its first record to its head: yield how far it holds, batch by batch.

    The last thing is a `Breach` if it doesn't hold. Records may be appended meanwhile:
    what this reads of the head is newer than the last record it knows of.
    """
    newest = Record.objects.filter(chain=chain).aggregate(newest=Max("seq"))["newest"] or 0
    head = Chain.objects.get(name=chain.name)
    walk = _Walk()
    while batch := _next(head, walk.seq):
        for record in batch:
            if breach := walk.step(record):
                yield breach
                return
        yield walk.seq
    if breach := _end(head, walk, newest):
        yield breach


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
