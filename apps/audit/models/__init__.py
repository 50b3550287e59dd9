"""What happened: records in hash chains that only grow, and who the people in them are."""

from __future__ import annotations

from apps.audit.models.chain import GENESIS, Chain
from apps.audit.models.people import KnownUser
from apps.audit.models.record import FAILURES, Record
from apps.audit.models.retention import (
    RETENTION_BY_MODULE,
    RETENTION_YEARS,
    Retention,
    kept_until,
    retention_of,
)

__all__ = [
    "FAILURES",
    "GENESIS",
    "RETENTION_BY_MODULE",
    "RETENTION_YEARS",
    "Chain",
    "KnownUser",
    "Record",
    "Retention",
    "kept_until",
    "retention_of",
]
