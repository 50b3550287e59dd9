"""A day that ends in every way, played once: what the tests of the invariants tamper with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apps.payment.gateway.fake import CAPTURE_REFUSED_CARD, DECLINED_CARD, GOOD_CARD
from simulation.acts import Act
from simulation.acts.customers import CancelOrder, ChangeAddress, PlaceOrder
from simulation.acts.staff import AdjustStock, ChangePrice, DeleteProduct
from simulation.journal import Plan
from simulation.people import COUPON

# What becomes of each order, by its number.
FULFILLED, PARTLY, UNPACKED, UNDELIVERED, CANCELLED, UNPAID, WRITTEN_OFF = range(1, 8)
_PLANS: dict[int, dict[str, Any]] = {
    FULFILLED: {"plan": Plan(refunds=(25,)), "lines": ((0, 2), (3, 1))},
    PARTLY: {"plan": Plan(missing="something"), "lines": ((1, 1), (3, 2)), "customer": 1},
    UNPACKED: {"plan": Plan(missing="everything"), "lines": ((1, 1),)},
    UNDELIVERED: {"plan": Plan(is_delivered=False), "lines": ((2, 1),)},
    CANCELLED: {"plan": Plan(), "lines": ((3, 1),), "coupon": COUPON["code"]},
    UNPAID: {"plan": Plan(), "lines": ((3, 1),), "card": DECLINED_CARD},
    WRITTEN_OFF: {"plan": Plan(), "lines": ((3, 1),), "card": CAPTURE_REFUSED_CARD},
}


def acts() -> Iterator[Act]:
    """Yield what people do, before closing time."""
    for order, facts in _PLANS.items():
        yield _placing(order, **facts)
    yield ChangeAddress(
        key="move", who="customer 0", order=FULFILLED, customer=0, street="2 Short Street"
    )
    yield CancelOrder(key="cancel", who="customer 0", order=CANCELLED)
    yield AdjustStock(key="broken", who="warehouse", product=3, delta=-1)
    yield ChangePrice(key="price", who="admin", product=0, price=1_100)
    yield DeleteProduct(key="gone", who="admin", product=4)


def _placing(
    order: int,
    *,
    plan: Plan,
    lines: tuple[tuple[int, int], ...],
    customer: int = 0,
    card: str = GOOD_CARD,
    coupon: str | None = None,
) -> PlaceOrder:
    return PlaceOrder(
        key=f"order-{order}",
        who=f"customer {customer}",
        order=order,
        customer=customer,
        lines=lines,
        card=card,
        plan=plan,
        coupon=coupon,
    )
