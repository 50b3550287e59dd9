"""Reads of orders, as plain values."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import OuterRef, QuerySet
from django.db.models.functions import JSONObject

from apps.orders.models import Order, OrderLine, TimelineEntry

Rows = QuerySet[Any, Any]

_LINES = (
    OrderLine.objects.filter(order=OuterRef("id"))
    .order_by("id")
    .values(
        line=JSONObject(
            product_id="product_id",
            code="code",
            name="name",
            quantity="quantity",
            ordered_quantity="ordered_quantity",
            unit_price="unit_price",
        )
    )
)
_ORDERS = Order.objects.values(
    "id",
    "number",
    "customer_id",
    "state",
    "address",
    "delivery_price",
    "total",
    "currency",
    "version",
    "placed_at",
    "updated_at",
    "cancel_reason",
    "cancel_requested_by",
    "cancel_requested_at",
    "is_cancel_refused",
    "tracking_number",
)

_NEWS_COLUMNS = ("id", "at", "what", "state", "reason")
_NEWS = """
SELECT place.number, entry.id, entry.at, entry.what, entry.state, entry.reason
FROM unnest(%s::uuid[], %s::bigint[]) WITH ORDINALITY AS place (order_id, after, number)
CROSS JOIN LATERAL (
    SELECT id, at, what, state, reason FROM orders_timelineentry
    WHERE order_id = place.order_id AND id > place.after
    ORDER BY id LIMIT %s
) AS entry
ORDER BY place.number, entry.id
"""


def orders(*, owner_id: uuid.UUID | None) -> Rows:
    """Return orders with their lines, in one query; `owner_id` is the customer, None for all."""
    rows = _ORDERS if owner_id is None else _ORDERS.filter(customer_id=owner_id)
    return rows.annotate(order_lines=ArraySubquery(_LINES))


def timeline(*, order_id: uuid.UUID) -> Rows:
    """Return what happened to an order."""
    return TimelineEntry.objects.filter(order=order_id).values(
        "id", "at", "what", "state", "reason"
    )


def news(*, places: Sequence[tuple[uuid.UUID, int]], limit: int) -> list[list[dict[str, Any]]]:
    """
    Return what happened to each of these orders after an entry's id, at most `limit` entries each.

    Each place has an id of its own, since ids of different orders may commit in any order.
    """
    order_ids, ids = [place[0] for place in places], [place[1] for place in places]
    found: list[list[dict[str, Any]]] = [[] for _ in places]
    with connection.cursor() as cursor:
        cursor.execute(_NEWS, [order_ids, ids, limit])
        for number, *entry in cursor:
            found[number - 1].append(dict(zip(_NEWS_COLUMNS, entry, strict=True)))
    return found


def is_visible(*, order_id: uuid.UUID, owner_id: uuid.UUID | None) -> bool:
    """Say whether there is such an order, and it is this customer's; None sees all."""
    rows = _ORDERS if owner_id is None else _ORDERS.filter(customer_id=owner_id)
    return rows.filter(id=order_id).exists()


def shape(order: Mapping[str, Any], lines: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return an order as callers see it; the columns may be a row's or a model's."""
    currency = order["currency"]
    return {
        "id": order["id"],
        "number": order["number"],
        "customer_id": order["customer_id"],
        "state": order["state"],
        "lines": [_line(line, currency) for line in lines],
        "address": order["address"],
        "delivery_price": {"amount": order["delivery_price"], "currency": currency},
        "total": {"amount": order["total"], "currency": currency},
        "currency": currency,
        "version": order["version"],
        "placed_at": order["placed_at"],
        "updated_at": order["updated_at"],
        "cancellation": _cancellation(order),
        "tracking_number": order["tracking_number"] or None,
    }


def entry(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of the timeline as callers see it."""
    return {
        "at": row["at"],
        "what": row["what"],
        "state": row["state"],
        "reason": row["reason"] or None,
    }


def _line(line: Mapping[str, Any], currency: str) -> dict[str, Any]:
    return {
        "product_id": line["product_id"],
        "code": line["code"],
        "name": line["name"],
        "quantity": line["quantity"],
        "ordered_quantity": line["ordered_quantity"],
        "unit_price": {"amount": line["unit_price"], "currency": currency},
    }


def _cancellation(order: Mapping[str, Any]) -> dict[str, Any] | None:
    if not order["cancel_reason"] and not order["cancel_requested_by"]:
        return None
    return {
        "requested_by": order["cancel_requested_by"] or None,
        "requested_at": order["cancel_requested_at"],
        "is_refused": order["is_cancel_refused"],
        "reason": order["cancel_reason"] or None,
    }
