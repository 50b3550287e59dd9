"""The tables of orders, and which state may follow which."""

from __future__ import annotations

from apps.orders.models.number import is_number
from apps.orders.models.order import Order, OrderLine, Step
from apps.orders.models.replicas import CatalogueItem, StockItem
from apps.orders.models.states import ORDER
from apps.orders.models.timeline import TimelineEntry, What

__all__ = (
    "ORDER",
    "CatalogueItem",
    "Order",
    "OrderLine",
    "Step",
    "StockItem",
    "TimelineEntry",
    "What",
    "is_number",
)
