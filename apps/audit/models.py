"""What happened: records in hash chains that only grow, and who the people in them are."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Collection, Iterable
from typing import Any, ClassVar

from django.db import connection, models

GENESIS = "0" * 64
"""What the first record of a chain names as the hash before it."""


class Retention(models.TextChoices):
    """How long what is recorded must stay: each class and month is a chain of its own."""

    ACCOUNTS = "accounts", "Accounts"
    CATALOGUE = "catalogue", "Catalogue and stock"
    MONEY = "money", "Money"
    ORDERS = "orders", "Orders"


RETENTION_YEARS = {
    Retention.ACCOUNTS: 2,
    Retention.CATALOGUE: 2,
    Retention.MONEY: 10,
    Retention.ORDERS: 10,
}
RETENTION_BY_MODULE = {
    "users": Retention.ACCOUNTS,
    "products": Retention.CATALOGUE,
    "warehouse": Retention.CATALOGUE,
    "orders": Retention.ORDERS,
    "delivery": Retention.ORDERS,
    "payment": Retention.MONEY,
    "invoices": Retention.MONEY,
}
FAILURES = frozenset(
    {
        "products.product_rejected.v1",
        "orders.order_failed.v1",
        "warehouse.stock_short.v1",
        "warehouse.packaging_failed.v1",
        "payment.payment_declined.v1",
        "payment.payment_capture_failed.v1",
        "delivery.delivery_failed.v1",
        "delivery.address_change_refused.v1",
    }
)


def retention_of(name: str) -> Retention:
    """Return the class of an event type; what no row names is kept as long as an order."""
    return RETENTION_BY_MODULE.get(name.split(".", maxsplit=1)[0], Retention.ORDERS)


class Chain(models.Model):
    """One retention class in one month of recording, with its newest record: the head."""

    # "money-2026-03": class and month, and the one unique index. With a second one, who makes a
    # chain at the same moment as another would fail at it instead of waiting.
    name = models.CharField(max_length=20, primary_key=True)
    retention = models.CharField(max_length=10, choices=Retention)
    month = models.DateField(help_text="The first day of the month of recording.")
    last_seq = models.BigIntegerField(default=0)
    last_hash = models.CharField(max_length=64, default=GENESIS)

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
        chains = cls.objects.raw(
            """
            INSERT INTO audit_chain (name, retention, month, last_seq, last_hash)
            SELECT class || to_char(%(month)s::date, '-YYYY-MM'), class, %(month)s, 0, %(genesis)s
            FROM unnest(%(classes)s::text[]) AS class
            ON CONFLICT (name) DO UPDATE SET last_seq = audit_chain.last_seq
            RETURNING *
            """,
            {"classes": sorted(retentions), "month": month, "genesis": GENESIS},
        )
        return {chain.retention: chain for chain in chains}

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

    def append(self, record: Record) -> None:
        """Put a record behind the newest one; `move_heads` must follow."""
        record.chain, record.seq, record.prev_hash = self, self.last_seq + 1, self.last_hash
        record.hash = record.digest()
        self.last_seq, self.last_hash = record.seq, record.hash


class Record(models.Model):
    """One event, as it was told; personal fields stay sealed under the person's key."""

    class Outcome(models.TextChoices):
        OK = "ok", "OK"
        FAILURE = "failure", "Failure"

    # All that the hash covers; the place in the chain is told by `prev_hash`.
    HASHED: ClassVar[tuple[str, ...]] = (
        "chain_id",
        "event_id",
        "name",
        "subject",
        "order_id",
        "person_id",
        "actor",
        "request_id",
        "causation_id",
        "traceparent",
        "occurred_at",
        "recorded_at",
        "outcome",
        "payload",
        "prev_hash",
    )

    id = models.BigAutoField(primary_key=True)
    chain = models.ForeignKey(Chain, on_delete=models.PROTECT, db_index=False)
    seq = models.BigIntegerField()
    event_id = models.UUIDField(unique=True)
    name = models.CharField("type", max_length=100)
    subject = models.UUIDField()
    order_id = models.UUIDField(null=True)
    person_id = models.UUIDField(null=True, help_text="Whose data the event holds.")
    actor = models.CharField(max_length=100)
    request_id = models.CharField(max_length=128, help_text="The request that began it all.")
    causation_id = models.UUIDField(null=True, help_text="The event that led here.")
    traceparent = models.CharField(max_length=55, blank=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    outcome = models.CharField(max_length=7, choices=Outcome)
    payload = models.JSONField()
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["chain", "seq"], name="audit_record_place"),
            models.CheckConstraint(
                condition=models.Q(outcome__in=["ok", "failure"]), name="audit_record_outcome"
            ),
        )
        # Each filter of the list has an index in the list's order.
        indexes = (
            models.Index(fields=["occurred_at", "id"], name="audit_record_time"),
            models.Index(fields=["name", "occurred_at", "id"], name="audit_record_name"),
            models.Index(fields=["subject", "occurred_at", "id"], name="audit_record_subject"),
            models.Index(fields=["request_id", "occurred_at", "id"], name="audit_record_request"),
            models.Index(
                fields=["order_id", "occurred_at", "id"],
                name="audit_record_order",
                condition=models.Q(order_id__isnull=False),
            ),
            models.Index(
                fields=["person_id", "occurred_at", "id"],
                name="audit_record_person",
                condition=models.Q(person_id__isnull=False),
            ),
            models.Index(
                fields=["occurred_at", "id"],
                name="audit_record_failure",
                condition=models.Q(outcome="failure"),
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.event_id}"

    def digest(self) -> str:
        """
        Return the SHA-256 of this record with the hash before it, in hex.

        It is taken over the canonical JSON of RFC 8785: sorted keys, no blanks, UTF-8.
        """
        facts = {name: _canonical(getattr(self, name)) for name in self.HASHED}
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: Any) -> Any:
    """Return the one JSON form of a value, the same before it is stored and after."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="microseconds")
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, dict):
        return {key: _canonical(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # jsonb doesn't keep apart 1.0 and 1
    return value


class KnownUser(models.Model):
    """Who has which e-mail address, as users said; an erased user keeps no address."""

    id = models.UUIDField(primary_key=True)
    version = models.PositiveIntegerField()
    email = models.EmailField(max_length=254, blank=True, db_index=True)
    is_erased = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.email or str(self.id)

    @classmethod
    def learn(cls, *, user_id: uuid.UUID, version: int, email: str, is_erased: bool) -> None:
        """Take over what a newer version says; an older one that comes late changes nothing."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO audit_knownuser (id, version, email, is_erased)
                VALUES (%s, %s, %s, %s)
                ON CONFLICT (id) DO UPDATE SET version = excluded.version,
                    email = excluded.email, is_erased = excluded.is_erased
                WHERE audit_knownuser.version < excluded.version
                """,
                [user_id, version, email, is_erased],
            )
