"""The tables of orders, and which state may follow which."""

from __future__ import annotations

from apps.orders.models.number import is_number
from apps.orders.models.order import Order, OrderLine, Step
from apps.orders.models.people import ErasedPerson
from apps.orders.models.replicas import CatalogueItem, StockItem
from apps.orders.models.states import ORDER
from apps.orders.models.timeline import LAST, TimelineEntry, What
from apps.orders.models.waiting import ANSWERS, AWAITS_MACHINE, DEEDS, wait_of

__all__ = (
    "ANSWERS",
    "AWAITS_MACHINE",
    "DEEDS",
    "LAST",
    "ORDER",
    "CatalogueItem",
    "ErasedPerson",
    "Order",
    "OrderLine",
    "Step",
    "StockItem",
    "TimelineEntry",
    "What",
    "is_number",
    "wait_of",
)
