"""Anchors: where the heads of all chains were on a day, kept where nobody can change them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from apps.audit.models import Chain, Record
from apps.audit.queries.verifying import Breach


@dataclasses.dataclass(frozen=True)
class Mark:
    """The hash that a chain's record had on a day."""

    day: dt.date
    seq: int
    hash: str


Marks = Mapping[str, list[Mark]]  # by chain, the oldest first


class AnchorBroken(Exception):
    """An anchor doesn't name the one before it as it is: one was removed, or is another."""


def anchor(*, previous: tuple[dt.date, bytes] | None, at: dt.datetime) -> bytes:
    """Return the heads of all chains as they are, and the hash of the anchor before."""
    content = {
        "made_at": at.isoformat(),
        "previous": _named(*previous) if previous else None,
        "heads": {
            chain.name: {"seq": chain.last_seq, "hash": chain.last_hash}
            for chain in Chain.objects.order_by("name")
        },
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2)


def marks(anchors: Iterable[tuple[dt.date, bytes]]) -> Marks:
    """
    Return what anchors say of each chain; the oldest comes first, and none is left out.

    :raises AnchorBroken: if one doesn't fit the one before it.
    """
    found: dict[str, list[Mark]] = defaultdict(list)
    previous = None
    for day, text in anchors:
        content = orjson.loads(text)
        if content["previous"] != previous:
            raise AnchorBroken(day.isoformat())
        previous = _named(day, text)
        for name, head in content["heads"].items():
            found[name].append(Mark(day, head["seq"], head["hash"]))
    return found


def against_anchors(anchored: Marks) -> Iterator[tuple[str, Breach]]:
    """Return of each chain that is not what an anchor says the first place where it differs."""
    heads = {chain.name: chain for chain in Chain.objects.all()}
    for name, known in sorted(anchored.items()):
        if breach := _differs(heads.get(name), known):
            yield name, breach


def _named(day: dt.date, text: bytes) -> dict[str, str]:
    return {"day": day.isoformat(), "sha256": hashlib.sha256(text).hexdigest()}


def _differs(head: Chain | None, known: Iterable[Mark]) -> Breach | None:
    if head is None:
        return Breach("removed", 1, None, "an anchor knows the chain, which is gone")
    stored = _stored(head, [mark.seq for mark in known])
    held = 0
    for mark in known:
        if mark.seq > head.last_seq:
            detail = f"the anchor of {mark.day} knows {mark.seq} records"
            return Breach("removed", head.last_seq + 1, None, detail)
        if mark.seq in stored and stored[mark.seq]["hash"] != mark.hash:
            event_id = stored[mark.seq]["event_id"]
            detail = f"the anchor of {mark.day} knows another; up to record {held} they agree"
            return Breach("changed", mark.seq, event_id, detail)
        held = mark.seq
    return None


def _stored(head: Chain, places: list[int]) -> dict[int, dict[str, Any]]:
    """Return what lies at these places; of a chain that was dropped, its head alone."""
    if head.dropped_at:
        return {head.last_seq: {"hash": head.last_hash, "event_id": None}}
    rows = Record.objects.filter(chain=head, seq__in=places).values("seq", "hash", "event_id")
    return {row["seq"]: dict(row) for row in rows}
