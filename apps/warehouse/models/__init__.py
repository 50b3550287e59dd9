"""The warehouse's tables: the stock with its ledger, and what is packed for each order."""

from __future__ import annotations

from apps.warehouse.models.packaging import (
    PACKAGING,
    PackagingLine,
    PackagingNotAllowed,
    PackagingRequest,
    UnknownPackagingRequest,
)
from apps.warehouse.models.stock import Change, Level, Movement, Product, Stock

__all__ = [
    "PACKAGING",
    "Change",
    "Level",
    "Movement",
    "PackagingLine",
    "PackagingNotAllowed",
    "PackagingRequest",
    "Product",
    "Stock",
    "UnknownPackagingRequest",
]
