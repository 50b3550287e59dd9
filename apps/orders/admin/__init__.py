"""What staff see of orders, and the prices that they decide on."""

from __future__ import annotations

from apps.orders.admin.orders import OrderAdmin
from apps.orders.admin.pricing import CouponAdmin, TaxRateAdmin

__all__ = ("CouponAdmin", "OrderAdmin", "TaxRateAdmin")
