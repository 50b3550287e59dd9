"""What is read of the warehouse, each in a constant number of queries."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Prefetch, Q, QuerySet

from apps.warehouse.models import PackagingLine, PackagingRequest, Stock, UnknownPackagingRequest

_LINES = Prefetch(
    "lines", queryset=PackagingLine.objects.select_related("product").order_by("product_id")
)


def stock(*, product_id: uuid.UUID | None = None, code: str | None = None) -> QuerySet[Stock, Any]:
    """Return the stock of what is for sale, or is still on a shelf; of one product if named."""
    rows = Stock.objects.filter(Q(product__is_deleted=False) | Q(on_hand__gt=0))
    if product_id is not None:
        rows = rows.filter(product_id=product_id)
    if code is not None:
        rows = rows.filter(product__code=code)
    return rows.values(
        "product_id", "product__code", "product__name", "on_hand", "reserved", "version"
    )


def render_stock(row: dict[str, Any]) -> dict[str, Any]:
    """Return one product's stock as callers see it."""
    return {
        "product_id": row["product_id"],
        "code": row["product__code"],
        "name": row["product__name"],
        "on_hand": row["on_hand"],
        "reserved": row["reserved"],
        "free": row["on_hand"] - row["reserved"],
        "version": row["version"],
    }


def packaging_requests(*, state: str | None = None) -> QuerySet[PackagingRequest]:
    """Return what staff may pack, or have packed; in one state if named."""
    rows = PackagingRequest.objects.filter(confirmed_at__isnull=False).prefetch_related(_LINES)
    return rows.filter(state=state) if state else rows


def packaging_request(order_id: uuid.UUID) -> dict[str, Any]:
    """
    Return one packaging request as callers see it.

    :raises UnknownPackagingRequest: if no such order is confirmed.
    """
    row = packaging_requests().filter(order_id=order_id).first()
    if row is None:
        raise UnknownPackagingRequest
    return render_packaging_request(row)


def render_packaging_request(row: PackagingRequest) -> dict[str, Any]:
    """Return a packaging request, its lines fetched before, as callers see it."""
    return {
        "order_id": row.order_id,
        "state": row.state,
        "lines": [
            {
                "product_id": line.product_id,
                "code": line.product.code,
                "name": line.product.name,
                "ordered": line.ordered,
                "packed": line.packed,
            }
            for line in row.lines.all()
        ],
        "confirmed_at": row.confirmed_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "version": row.version,
    }
