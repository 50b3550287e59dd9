from __future__ import annotations

from django.db import models


class IdempotencyKey(models.Model):
    """The answer to a POST, stored in the transaction of its effect."""

    scope = models.CharField(
        max_length=64, primary_key=True, help_text="SHA-256 of caller, route and key."
    )
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the body.")
    status = models.PositiveSmallIntegerField()
    body = models.JSONField()
    headers = models.JSONField(  # null: stored by a release that kept none
        null=True, help_text="What was sent with it: ETag, Location."
    )
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "rest_idempotency_key"

    def __str__(self) -> str:
        return self.scope


class ThrottleCount(models.Model):
    """
    How often a caller asked within a window.

    The table is unlogged: it costs no disk's patience, and a crash of PostgreSQL starts it anew.
    """

    # A digest of scope, limit and caller: neither users nor addresses can be read from it.
    key = models.UUIDField(primary_key=True)
    scope = models.CharField(max_length=30)
    taken = models.IntegerField()
    ends_at = models.DateTimeField()

    class Meta:
        db_table = "rest_throttle_count"

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"
