"""The chains that records lie in: one for each retention class and month of recording."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable

from django.db import connection, models

from apps.audit.models.retention import Retention, kept_until

GENESIS = "0" * 64
"""What the first record of a chain names as the hash before it."""

_LOCK = """
INSERT INTO audit_chain (name, retention, month, kept_until, last_seq, last_hash)
SELECT class || to_char(%(month)s::date, '-YYYY-MM'), class, %(month)s, until, 0, %(genesis)s
FROM unnest(%(classes)s::text[], %(until)s::date[]) AS kept (class, until)
ON CONFLICT (name) DO UPDATE SET last_seq = audit_chain.last_seq
RETURNING *
"""


class Chain(models.Model):
    """
    One retention class in one month of recording, with its newest record: the head.

    The database gives each new chain its partition of the records, and refuses to drop one that
    must be kept. A chain whose records were dropped leaves this row.
    """

    # "money-2026-03": class and month, and the one unique index. With a second one, who makes a
    # chain at the same moment as another would fail at it instead of waiting.
    name = models.CharField(max_length=20, primary_key=True)
    retention = models.CharField(max_length=10, choices=Retention)
    month = models.DateField(help_text="The first day of the month of recording.")
    kept_until = models.DateField(help_text="From this day on its records may be dropped.")
    last_seq = models.BigIntegerField(default=0)
    last_hash = models.CharField(max_length=64, default=GENESIS)
    dropped_at = models.DateTimeField(null=True, help_text="When its records were dropped.")

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(last_seq__gte=0), name="audit_chain_last_seq_not_negative"
            ),
        )

    def __str__(self) -> str:
        return self.name

    @classmethod
    def lock(cls, retentions: Collection[str], *, month: dt.date) -> dict[str, Chain]:
        """
        Hold the heads of these classes until the transaction ends; return them by class.

        One statement makes what is missing and locks the rest, in the order of the classes:
        two workers with overlapping packs wait for each other, and never in a circle.
        """
        classes = sorted(retentions)
        until = [kept_until(retention, month) for retention in classes]
        asked = {"classes": classes, "until": until, "month": month, "genesis": GENESIS}
        return {chain.retention: chain for chain in cls.objects.raw(_LOCK, asked)}

    @staticmethod
    def move_heads(chains: Iterable[Chain]) -> None:
        """Store where the heads of locked chains now are."""
        heads = [(chain.name, chain.last_seq, chain.last_hash) for chain in chains]
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE audit_chain SET last_seq = head.seq, last_hash = head.hash
                FROM unnest(%s::text[], %s::bigint[], %s::text[]) AS head (name, seq, hash)
                WHERE audit_chain.name = head.name
                """,
                [list(column) for column in zip(*heads, strict=True)],
            )

    def drop(self) -> bool:
        """Drop the records; return whether they could go: the database decides by `kept_until`."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT audit_drop_chain(%s)", [self.name])
            is_dropped: bool = cursor.fetchone()[0]
        return is_dropped
