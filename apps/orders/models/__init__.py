"""The tables of orders, and which state may follow which."""

from __future__ import annotations

from apps.orders.models.cart import MAX_LINES, MAX_QUANTITY, Cart, CartLine, Holder, Offer
from apps.orders.models.coupons import Coupon, CouponUse, is_code, normal
from apps.orders.models.line import OrderLine
from apps.orders.models.number import is_number, write_number
from apps.orders.models.order import Order
from apps.orders.models.people import ErasedPerson
from apps.orders.models.replicas import CatalogueItem, StockItem
from apps.orders.models.states import ORDER, Step
from apps.orders.models.taxes import Rates, TaxClass, TaxRate, rate_for
from apps.orders.models.timeline import LAST, TimelineEntry, What
from apps.orders.models.waiting import ANSWERS, AWAITS_MACHINE, DEEDS, wait_of

__all__ = (
    "ANSWERS",
    "AWAITS_MACHINE",
    "DEEDS",
    "LAST",
    "MAX_LINES",
    "MAX_QUANTITY",
    "ORDER",
    "Cart",
    "CartLine",
    "CatalogueItem",
    "Coupon",
    "CouponUse",
    "ErasedPerson",
    "Holder",
    "Offer",
    "Order",
    "OrderLine",
    "Rates",
    "Step",
    "StockItem",
    "TaxClass",
    "TaxRate",
    "TimelineEntry",
    "What",
    "is_code",
    "is_number",
    "normal",
    "rate_for",
    "wait_of",
    "write_number",
)
