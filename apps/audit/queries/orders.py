"""An order as it was at a time, with its payment and its stock."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

import orjson
from django.db import connection

from apps.audit.models import Record
from apps.audit.queries import folds
from apps.audit.queries.folds import Fact

# A transaction that waited tells of an earlier time than the one that it waited for, though its
# version is the later one. None lasts for a minute: see `kernel.limits`.
_STOCK = """
SELECT level.payload FROM unnest(%(products)s::uuid[]) AS product
CROSS JOIN LATERAL (
    SELECT occurred_at FROM audit_record
    WHERE subject = product AND name = 'warehouse.stock_level_changed.v1' AND occurred_at <= %(at)s
    ORDER BY occurred_at DESC LIMIT 1
) AS newest
CROSS JOIN LATERAL (
    SELECT payload FROM audit_record
    WHERE subject = product AND name = 'warehouse.stock_level_changed.v1'
        AND occurred_at BETWEEN newest.occurred_at - interval '1 minute' AND newest.occurred_at
    ORDER BY (payload ->> 'version')::bigint DESC LIMIT 1
) AS level
ORDER BY product
"""


def order_at(*, order_id: uuid.UUID, at: dt.datetime) -> dict[str, Any] | None:
    """Return what was true of an order at a time; None if nothing was told of it by then."""
    rows = Record.objects.filter(order_id=order_id, occurred_at__lte=at)
    rows = rows.order_by("occurred_at", "event_id")
    facts = [Fact(name, payload) for name, payload in rows.values_list("name", "payload")]
    if not facts:
        return None
    order, packaging = folds.order(facts), folds.packaging(facts)
    return {
        "order_id": order_id,
        "at": at,
        "events": len(facts),
        "order": order,
        "payment": folds.payment(facts),
        "packaging": packaging,
        "stock": levels(folds.products(order, packaging), at=at),
    }


def levels(products: Sequence[str], *, at: dt.datetime) -> list[dict[str, Any]]:
    """Return the stock of products as it was at a time, by their ids."""
    names = ("product_id", "version", "on_hand", "reserved", "free")
    with connection.cursor() as cursor:
        cursor.execute(_STOCK, {"products": list(products), "at": at})
        rows = [orjson.loads(payload) for (payload,) in cursor.fetchall()]
    return [{name: row[name] for name in names} for row in rows]
