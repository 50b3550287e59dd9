"""Reads of orders, as plain values."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import OuterRef, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat, JSONObject

from apps.orders.events import TaxLine
from apps.orders.models import Coupon, Order, OrderLine, TaxRate, TimelineEntry, amounts

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
            discount="discount",
            tax="tax",
            tax_name="tax_name",
            tax_rate=Cast("tax_rate", TextField()),  # a JSON number would become a float
        )
    )
)
_ORDERS = Order.objects.values(
    "id",
    "number",
    "customer_id",
    "state",
    "address",
    "email",
    "delivery_price",
    "delivery_discount",
    "delivery_tax",
    "delivery_tax_name",
    "delivery_tax_rate",
    "prices_include_tax",
    "coupon_code",
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


def order(*, order_id: uuid.UUID, person_id: uuid.UUID | None) -> Any:
    """
    Return an order with its lines, or None if there is no such one that the person may see.

    `person_id` is the customer's id, or for a guest the order's own; None sees all.
    """
    return _seen_by(person_id, orders(owner_id=None)).filter(id=order_id).first()


def coupons() -> Rows:
    """Return all coupons, with how often each is in use."""
    return Coupon.objects.values()


def tax_rates() -> Rows:
    """Return the rates of all countries, with a key by which they are ordered."""
    return TaxRate.objects.annotate(place=Concat("country", Value(" "), "tax_class")).values()


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


def is_visible(*, order_id: uuid.UUID, person_id: uuid.UUID | None) -> bool:
    """Say whether there is such an order, and this person may see it; None sees all."""
    return _seen_by(person_id, _ORDERS).filter(id=order_id).exists()


def _seen_by(person_id: uuid.UUID | None, rows: Rows) -> Rows:
    return rows if person_id is None else rows.filter(person_id=person_id)


def shape(order: Mapping[str, Any], lines: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return an order as callers see it; the columns may be a row's or a model's."""
    currency, lines = order["currency"], list(lines)
    return {
        "id": order["id"],
        "number": order["number"],
        "customer_id": order["customer_id"],
        "state": order["state"],
        "lines": [_line(line, currency) for line in lines],
        "address": order["address"],
        "email": order["email"] or None,
        **_sums(order, lines),
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
    rate, tax = _rate(line["tax_rate"]), _money(line["tax"], currency)
    return {
        "product_id": line["product_id"],
        "code": line["code"],
        "name": line["name"],
        "quantity": line["quantity"],
        "ordered_quantity": line["ordered_quantity"],
        "unit_price": _money(line["unit_price"], currency),
        "discount": _money(line["discount"], currency),
        "tax": None if rate is None else {"rate_percent": amounts.rate_text(rate), "amount": tax},
    }


def _sums(order: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    currency, is_contained = order["currency"], order["prices_include_tax"]
    subtotal = sum(_price(line) for line in lines)
    off = order["delivery_discount"] + sum(line["discount"] for line in lines)
    taxes = amounts.tax_lines(_parts(order, lines), is_contained=is_contained)
    given = {"code": order["coupon_code"], "amount": _money(off, currency)}
    return {
        "subtotal": _money(subtotal, currency),
        "delivery_price": _money(order["delivery_price"], currency),
        "discounts": [given] if order["coupon_code"] else [],
        "prices_include_tax": is_contained,
        "tax_lines": [tax_line(tax, currency) for tax in taxes],
        "total": _money(order["total"], currency),
    }


def tax_line(tax: TaxLine, currency: str) -> dict[str, Any]:
    """Return the tax of one rate as callers see it."""
    return {
        "name": tax.name,
        "rate_percent": tax.rate_percent,
        "net": _money(tax.net, currency),
        "amount": _money(tax.amount, currency),
    }


def _parts(order: Mapping[str, Any], lines: Iterable[Mapping[str, Any]]) -> Iterator[amounts.Part]:
    for line in lines:
        if line["quantity"]:
            paid, rate = _price(line) - line["discount"], _rate(line["tax_rate"])
            yield amounts.Part(paid, line["tax"], line["tax_name"], rate)
    paid = order["delivery_price"] - order["delivery_discount"]
    rate = order["delivery_tax_rate"]
    yield amounts.Part(paid, order["delivery_tax"], order["delivery_tax_name"], rate)


def _price(line: Mapping[str, Any]) -> int:
    return int(line["quantity"] * line["unit_price"])


def _rate(rate: Decimal | str | None) -> Decimal | None:
    return None if rate is None else Decimal(rate)


def _money(amount: int, currency: str) -> dict[str, Any]:
    return {"amount": amount, "currency": currency}


def _cancellation(order: Mapping[str, Any]) -> dict[str, Any] | None:
    if not order["cancel_reason"] and not order["cancel_requested_by"]:
        return None
    return {
        "requested_by": order["cancel_requested_by"] or None,
        "requested_at": order["cancel_requested_at"],
        "is_refused": order["is_cancel_refused"],
        "reason": order["cancel_reason"] or None,
    }
