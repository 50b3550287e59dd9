"""A record as lists show it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from apps.audit.models import Record

Rows = QuerySet[Any, Any]

ROWS: Rows = Record.objects.values(
    "event_id",
    "chain_id",
    "name",
    "subject",
    "order_id",
    "actor",
    "request_id",
    "causation_id",
    "traceparent",
    "occurred_at",
    "recorded_at",
    "outcome",
    "payload",
)
