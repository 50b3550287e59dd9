"""Delivery's tables: zones with their fees, the sizes of products, and shipments."""

from __future__ import annotations

from apps.delivery.models.people import ErasedPerson
from apps.delivery.models.shipments import (
    SHIPMENT,
    AddressMissing,
    Shipment,
    ShipmentNotAllowed,
    UnknownShipment,
)
from apps.delivery.models.tracking import is_tracking_number, new_tracking_number
from apps.delivery.models.zones import Product, Zone, ZoneCountry, boxes_for

__all__ = [
    "SHIPMENT",
    "AddressMissing",
    "ErasedPerson",
    "Product",
    "Shipment",
    "ShipmentNotAllowed",
    "UnknownShipment",
    "Zone",
    "ZoneCountry",
    "boxes_for",
    "is_tracking_number",
    "new_tracking_number",
]
