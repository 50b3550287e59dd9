"""Many products put into a cart at once: those of a guest's cart, those of an earlier order."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

from apps.orders.models import (
    MAX_LINES,
    MAX_QUANTITY,
    Cart,
    CartLine,
    CatalogueItem,
    Holder,
    Offer,
    Order,
)
from apps.orders.usecases.asking import OrderNotFound
from apps.orders.usecases.cart_views import CartChange, CartView, view_of
from apps.orders.usecases.carts import new_line, opened
from kernel.transactions import transaction_required

NOTHING = Offer(None, "", None)


@transaction_required
def merge_carts(
    *, guest: Holder, customer: Holder, country: str | None, at: dt.datetime
) -> CartView:
    """
    Put all of a guest's cart into a customer's, and close it; done twice it is as once.

    Quantities are added, up to the most that a line holds. The guest's coupon comes along if the
    customer has none. What finds no place any more is told as `left_out`.
    """
    away = Cart.locked(guest)  # always before the customer's: two merges can't hold each other up
    if away is None or not away.is_open:
        return view_of(Cart.latest(customer), holder=customer, country=country, at=at)
    cart = opened(customer, None, at)
    known = {line.product_id: line for line in cart.all_lines}
    for line in away.all_lines:
        kept = known.get(line.product_id)
        line.quantity = min((kept.quantity if kept else 0) + line.quantity, MAX_QUANTITY)
    left = _fill(cart, away.all_lines)
    cart.coupon_code = cart.coupon_code or away.coupon_code
    away.merge_away(at)
    cart.touch(at)
    return view_of(cart, holder=customer, country=country, at=at, left=left)


@transaction_required
def reorder(
    *, order_id: uuid.UUID, customer_id: uuid.UUID, country: str | None, at: dt.datetime
) -> CartView:
    """
    Let the customer's cart have at least what an earlier order had; done twice it is as once.

    The old prices count as seen, so that the cart tells which are others today; what is no longer
    for sale is told as `gone`, what finds no place as `left_out`.

    :raises OrderNotFound: if there is none, or it is another's.
    """
    order = Order.objects.filter(id=order_id, customer_id=customer_id).first()
    if order is None:
        raise OrderNotFound
    holder = Holder(customer_id, is_guest=False)
    cart = opened(holder, None, at)
    items = CatalogueItem.wanted(line.product_id for line in order.all_lines)
    known = {line.product_id: line for line in cart.all_lines}
    wanted, gone = [], []
    for ordered in order.all_lines:
        seen = Offer(ordered.unit_price, order.currency, None)
        if (item := items.get(ordered.product_id)) is None:
            gone.append(CartChange(ordered.product_id, "gone", seen, NOTHING))
            continue
        line = new_line(cart, item)
        line.seen = seen
        kept = known.get(line.product_id)
        line.quantity = min(
            max(ordered.ordered_quantity, kept.quantity if kept else 0), MAX_QUANTITY
        )
        wanted.append(line)
    left = _fill(cart, wanted)
    cart.touch(at)
    return view_of(cart, holder=holder, country=country, at=at, left=[*gone, *left])


def _fill(cart: Cart, wanted: Iterable[CartLine]) -> list[CartChange]:
    """Let the cart have these lines, in two statements; return what found no place."""
    known = {line.product_id: line for line in cart.all_lines}
    changed: list[CartLine] = []
    new: list[CartLine] = []
    left: list[CartChange] = []
    for line in wanted:
        if kept := known.get(line.product_id):
            kept.quantity = line.quantity
            changed.append(kept)
        elif len(known) + len(new) < MAX_LINES:
            new.append(_copy(line, cart))
        else:
            left.append(CartChange(line.product_id, "left_out", line.seen, line.seen))
    CartLine.objects.bulk_update(changed, ["quantity"])
    CartLine.objects.bulk_create(new)
    return left


def _copy(line: CartLine, cart: Cart) -> CartLine:
    copy = CartLine(
        cart=cart,
        product_id=line.product_id,
        code=line.code,
        name=line.name,
        quantity=line.quantity,
    )
    copy.seen = line.seen
    return copy
