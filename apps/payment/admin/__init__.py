"""What staff see of payments, and what only they decide."""

from __future__ import annotations

from apps.payment.admin import payments, reconciliation

__all__ = ["payments", "reconciliation"]
