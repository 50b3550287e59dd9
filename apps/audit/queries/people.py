"""All that concerns a person."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

from apps.audit.models import Record
from apps.audit.queries.rows import ROWS

# Named as the function's parameters; see the migration that made it.
_KEYS = """
SELECT event_id, chain_id FROM audit_of_person(
    address => %(address)s, most => %(most)s, is_newest_first => %(is_newest_first)s,
    place => coalesce(%(place)s::timestamptz, %(first)s), id => %(id)s::uuid,
    type => %(type)s, about => %(subject)s::uuid, the_order => %(order)s::uuid,
    request => %(request_id)s, result => %(outcome)s,
    since => coalesce(%(since)s::timestamptz, '-infinity'),
    until => coalesce(%(until)s::timestamptz, 'infinity')
)
"""
_FILTERS = ("type", "subject", "order", "request_id", "outcome", "since", "until")
_TIME = Record._meta.get_field("occurred_at")  # noqa: SLF001 -- documented by Django


@dataclasses.dataclass(frozen=True)
class OfPerson:
    """
    What concerns the holder of an address, their orders too, and meets each condition given.

    It can be paged, by `occurred_at` and `event_id`.
    """

    email: str
    asked: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # by the query's names
    is_newest_first: bool = True
    place: tuple[dt.datetime, uuid.UUID] | None = None

    def order_by(self, *order: str) -> OfPerson:
        """Return it in this order."""
        return dataclasses.replace(self, is_newest_first=order[0].startswith("-"))

    def after(self, order: Sequence[str], values: Sequence[Any]) -> OfPerson:
        """
        Return what lies behind a place of this order.

        :raises ValidationError, ValueError: if there is no such place.
        """
        at, event_id = values
        return dataclasses.replace(
            self, place=(_TIME.get_prep_value(str(at)), uuid.UUID(str(event_id)))
        )

    def __getitem__(self, wanted: slice) -> list[dict[str, Any]]:
        """Return the first rows."""
        keys = self.keys(wanted.stop)
        chains = {chain for _, chain in keys}  # leave out the partitions that have none of them
        found = ROWS.filter(event_id__in=[key for key, _ in keys], chain_id__in=chains)
        rows = {row["event_id"]: row for row in found}
        return [rows[key] for key, _ in keys]

    def keys(self, most: int) -> list[tuple[uuid.UUID, str]]:
        """Return ids and chains of the first rows."""
        at, event_id = self.place or (None, uuid.UUID(int=0))
        asked = {
            "address": self.email.lower(),
            "most": most,
            "is_newest_first": self.is_newest_first,
            "place": at,
            "id": event_id,
            "first": "infinity" if self.is_newest_first else "-infinity",
            **dict.fromkeys(_FILTERS),
            **self.asked,
        }
        with connection.cursor() as cursor:
            cursor.execute(_KEYS, asked)
            return list(cursor.fetchall())
