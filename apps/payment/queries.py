"""Reads: one statement for a list, two for a payment with its operations."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet

from apps.payment.models import Operation, Payment

MAX_OPERATIONS = 100

Row = dict[str, Any]

_PAYMENTS: QuerySet[Payment, Any] = Payment.objects.values(
    "order_id",
    "state",
    "gateway",
    "currency",
    "target",
    "authorized",
    "captured",
    "refunded",
    "reason",
    "version",
    "created_at",
    "updated_at",
)
_OPERATIONS: QuerySet[Operation, Any] = Operation.objects.values(
    "id", "kind", "state", "amount", "reason", "refusal", "created_at", "answered_at", "tries"
)


def payments(
    *, order_id: uuid.UUID | None = None, state: str | None = None
) -> QuerySet[Payment, Any]:
    """Return payments, of one order and in one state if these are given."""
    found = _PAYMENTS.all()
    if order_id:
        found = found.filter(order_id=order_id)
    return found.filter(state=state) if state else found


def payment(order_id: uuid.UUID) -> Row | None:
    """Return one payment, or None."""
    return _PAYMENTS.filter(order_id=order_id).first()


def operations(order_id: uuid.UUID) -> QuerySet[Operation, Any]:
    """Return the newest operations of a payment, at most a hundred."""
    return _OPERATIONS.filter(payment_id=order_id).order_by("-id")[:MAX_OPERATIONS]
