"""One record: an event, its place in a chain, and the hash over both."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from typing import Any, ClassVar

from django.db import models

from apps.audit.models.chain import Chain

FAILURES = frozenset(
    {
        "users.login_failed.v1",
        "users.login_locked_out.v1",
        "products.product_rejected.v1",
        "orders.order_failed.v1",
        "warehouse.stock_short.v1",
        "warehouse.packaging_failed.v1",
        "payment.payment_declined.v1",
        "payment.payment_capture_failed.v1",
        "payment.reconciliation_differed.v1",
        "delivery.delivery_failed.v1",
        "delivery.address_change_refused.v1",
        "invoices.invoice_import_failed.v1",
        "invoices.upload_refused.v1",
    }
)


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

    # The table is partitioned by chain, so that its own key is (event_id, chain). That no second
    # chain holds the event, the inbox's mark sees to, and `record_events` where that is passed.
    event_id = models.UUIDField(primary_key=True)
    chain = models.ForeignKey(
        Chain,
        on_delete=models.PROTECT,
        db_index=False,
        db_constraint=False,  # a record without its chain has no partition to lie in
    )
    seq = models.BigIntegerField()
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
            models.Index(fields=["occurred_at", "event_id"], name="audit_record_time"),
            models.Index(fields=["name", "occurred_at", "event_id"], name="audit_record_name"),
            models.Index(
                fields=["subject", "occurred_at", "event_id"], name="audit_record_subject"
            ),
            models.Index(
                fields=["request_id", "occurred_at", "event_id"], name="audit_record_request"
            ),
            models.Index(
                fields=["order_id", "occurred_at", "event_id"],
                name="audit_record_order",
                condition=models.Q(order_id__isnull=False),
            ),
            models.Index(
                fields=["person_id", "occurred_at", "event_id"],
                name="audit_record_person",
                condition=models.Q(person_id__isnull=False),
            ),
            models.Index(
                fields=["occurred_at", "event_id"],
                name="audit_record_failure",
                condition=models.Q(outcome="failure"),
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.event_id}"

    def append_to(self, chain: Chain) -> None:
        """Lie behind the newest record of a locked chain; `Chain.move_heads` must follow."""
        self.chain, self.seq, self.prev_hash = chain, chain.last_seq + 1, chain.last_hash
        self.hash = self.digest()
        chain.last_seq, chain.last_hash = self.seq, self.hash

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
