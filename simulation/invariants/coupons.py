"""A coupon is used as often as it says, and by no order that has come to nothing."""

from __future__ import annotations

from collections.abc import Iterator

from apps.orders.models import Coupon
from simulation.invariants.books import Books


def coupons_are_counted(books: Books) -> Iterator[str]:
    """Compare what coupons say of their uses with the orders that have them."""
    for coupon in Coupon.objects.order_by("code").prefetch_related("uses"):
        uses = coupon.uses.all()
        kept = [use for use in uses if use.returned_at is None]
        if coupon.used != len(kept):
            yield f"The coupon {coupon} counts {coupon.used} uses; {len(kept)} orders have it."
        for use in sorted(uses, key=lambda use: use.order_id):
            order, has_it = books.orders.get(use.order_id), use.returned_at is None
            if order is None:  # of which others tell
                continue
            if order.is_void and has_it:
                yield f"{books.name(order.id)} is {order.state} and keeps its coupon."
            if not order.is_void and not has_it:
                yield f"{books.name(order.id)} is {order.state}, but its coupon was given back."
