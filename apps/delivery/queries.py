"""What is read of delivery, each in one query."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet

from apps.delivery.models import Shipment, UnknownShipment, is_tracking_number

_FOR_STAFF = (
    "order_id",
    "id",
    "state",
    "tracking_number",
    "address",
    "package",
    "failure_reason",
    "packed_at",
    "started_at",
    "finished_at",
    "version",
)


def shipments(*, state: str | None = None) -> QuerySet[Shipment, Any]:
    """Return what staff may send, or have sent; in one state if named."""
    rows = Shipment.objects.filter(packed_at__isnull=False)
    if state:
        rows = rows.filter(state=state)
    found: QuerySet[Shipment, Any] = rows.values(*_FOR_STAFF)
    return found


def shipment(order_id: uuid.UUID) -> dict[str, Any]:
    """
    Return one shipment as staff see it.

    :raises UnknownShipment: if no such order is packed.
    """
    row = shipments().filter(order_id=order_id).first()
    if row is None:
        raise UnknownShipment
    return render_shipment(row)


def render_shipment(row: dict[str, Any]) -> dict[str, Any]:
    """Return a shipment as staff see it."""
    found = dict(row)
    return {
        "order_id": found.pop("order_id"),
        "shipment_id": found.pop("id"),
        "state": found.pop("state"),
        "tracking_number": found.pop("tracking_number"),
        "address": found.pop("address"),
        "lines": found.pop("package"),
        **found,
    }


def tracking(number: str) -> dict[str, Any]:
    """
    Return what anyone with the number may know: state and times, nothing of a person.

    :raises UnknownShipment: for a number that is none, or not ours.
    """
    asked = number.upper().replace(" ", "").replace("-", "")
    if not is_tracking_number(asked):
        raise UnknownShipment("There is no shipment with this number.")
    rows = Shipment.objects.filter(tracking_number=asked)
    row = rows.values("tracking_number", "state", "packed_at", "started_at", "finished_at").first()
    if row is None:
        raise UnknownShipment("There is no shipment with this number.")
    return dict(row)
