"""Reads: the list of what happened, and whether anyone bent it."""

from __future__ import annotations

from apps.audit.queries.anchoring import AnchorBroken, against_anchors, anchor, marks
from apps.audit.queries.events import (
    changes,
    events,
    newest_of_person,
    newest_of_term,
    render,
    without_sealed,
)
from apps.audit.queries.orders import levels, order_at
from apps.audit.queries.verifying import Breach, chains, expired, verify

__all__ = [
    "AnchorBroken",
    "Breach",
    "against_anchors",
    "anchor",
    "chains",
    "changes",
    "events",
    "expired",
    "levels",
    "marks",
    "newest_of_person",
    "newest_of_term",
    "order_at",
    "render",
    "verify",
    "without_sealed",
]
