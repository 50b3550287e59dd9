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
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "rest_idempotency_key"

    def __str__(self) -> str:
        return self.scope
