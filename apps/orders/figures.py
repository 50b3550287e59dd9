"""How the business of orders goes."""

from __future__ import annotations

from apps.orders.events import OrderFailed, OrderFulfilled, OrderPlaced
from kernel.bus import figures

figures.counts("OrdersPlaced", OrderPlaced)
figures.counts("OrdersFulfilled", OrderFulfilled)
figures.counts("OrdersFailed", OrderFailed)
figures.adds_up("AmountLost", OrderFailed, "total")
