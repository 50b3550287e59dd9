"""What is remembered of an order until its invoice is due."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import models


class Billing(models.Model):
    """
    What is known of an order until its invoice is issued.

    The goods' arrival and the money come in any order; whichever is second makes it due.
    """

    order_id = models.UUIDField(primary_key=True)
    fulfilment = models.JSONField(null=True, help_text="Emptied at issue: the invoice has it.")
    captured_at = models.DateTimeField(null=True)
    issued_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.order_id)

    @classmethod
    def lock(cls, order_id: uuid.UUID) -> Billing:
        """Return the order's row, made at need, held until the transaction ends."""
        Billing.objects.bulk_create([Billing(order_id=order_id)], ignore_conflicts=True)
        return Billing.objects.select_for_update().get(order_id=order_id)

    @property
    def is_due(self) -> bool:
        """Whether goods and money have both arrived, and no invoice tells it yet."""
        return bool(self.fulfilment and self.captured_at and not self.issued_at)

    def note_fulfilment(self, fulfilment: Mapping[str, Any]) -> None:
        """Remember the final terms and the buyer, unless they are on the invoice already."""
        if not self.issued_at:
            self.fulfilment = dict(fulfilment)
            self.save(update_fields=["fulfilment"])

    def note_capture(self, at: dt.datetime) -> None:
        """Remember when the money came."""
        self.captured_at = at
        self.save(update_fields=["captured_at"])

    def close(self, at: dt.datetime) -> None:
        """Note that the invoice is issued; the buyer's data is kept there alone."""
        self.issued_at, self.fulfilment = at, None
        self.save(update_fields=["issued_at", "fulfilment"])
