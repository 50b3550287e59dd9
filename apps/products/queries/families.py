"""Families as they are read, and the products that belong to one."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet

from apps.products.models import Family
from apps.products.queries.products import active_products

_SHOWN = ("id", "name", "description", "options", "version")


def families() -> QuerySet[Family, dict[str, Any]]:
    """Return every family."""
    rows: QuerySet[Family, dict[str, Any]] = Family.objects.values(*_SHOWN)
    return rows


def family(family_id: uuid.UUID) -> dict[str, Any] | None:
    """Return one family."""
    return families().filter(id=family_id).first()


def variants(family_id: uuid.UUID) -> list[dict[str, Any]]:
    """Return the products of a family that are for sale, by code, each with what all share."""
    shared = ("family__name", "family__description", "family__options", "family__version")
    return list(
        active_products()
        .filter(family_id=family_id)
        .order_by("code")
        .values(
            "id",
            "code",
            "name",
            "options",
            "price_amount",
            "price_currency",
            "available",
            "version",
            *shared,
        )
    )
