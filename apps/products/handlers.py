"""What products does when the others speak."""

from __future__ import annotations

from apps.products import usecases
from apps.warehouse.events import StockLevelChanged
from kernel.bus.subscriptions import handles


@handles(StockLevelChanged, replica="Availability")
def note_stock_level(event: StockLevelChanged) -> None:
    """Remember what is free, to show what can be had."""
    usecases.note_stock_level(product_id=event.product_id, version=event.version, free=event.free)
