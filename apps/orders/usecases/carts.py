"""What the holder of a cart can do with it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import ClassVar

from django.db.models import Q

from apps.orders.models import (
    MAX_LINES,
    Cart,
    CartLine,
    CatalogueItem,
    ErasedPerson,
    Holder,
    Offer,
    Order,
)
from apps.orders.usecases.cart_views import CartView, view_of
from apps.orders.usecases.placing import CustomerErased, UnknownProduct, place_order
from kernel.address import Address
from kernel.money import Money
from kernel.refusals import PreconditionFailed, Refusal
from kernel.transactions import transaction_required


class CartFull(Refusal):
    """There are a hundred products in the cart: it takes no other."""


class CartEmpty(Refusal):
    """There is nothing in the cart."""


class CartOrdered(Refusal):
    """The cart was turned into an order already, and there is no new one."""

    members: ClassVar = {"order_id": uuid.UUID}


@transaction_required
def put_line(
    *,
    holder: Holder,
    product_id: uuid.UUID,
    quantity: int,
    version: int | None,
    country: str | None,
    at: dt.datetime,
) -> CartView:
    """
    Let so many of a product be in the cart, however many there were.

    `version` is the one that the caller has seen, None if that doesn't matter.

    :raises UnknownProduct: if it is not for sale.
    :raises CartFull, CustomerErased, PreconditionFailed, MixedCurrencies, TotalTooHigh:
    """
    cart = opened(holder, version, at)
    item = CatalogueItem.wanted([product_id]).get(product_id)
    if item is None:
        raise UnknownProduct(products=[product_id])
    line = next((line for line in cart.all_lines if line.product_id == product_id), None)
    if line is None or line.quantity != quantity:
        if line is None and len(cart.all_lines) >= MAX_LINES:
            raise CartFull
        _store(line or new_line(cart, item), quantity)
        cart.touch(at)
    return view_of(cart, holder=holder, country=country, at=at)


@transaction_required
def remove_line(
    *,
    holder: Holder,
    product_id: uuid.UUID,
    version: int | None,
    country: str | None,
    at: dt.datetime,
) -> CartView:
    """Let nothing of a product be in the cart; no matter if nothing is."""
    cart = demanded(holder, version)
    if cart and cart.is_open and cart.lines.filter(product_id=product_id).delete()[0]:
        cart.touch(at)
    return view_of(cart, holder=holder, country=country, at=at)


@transaction_required
def empty_cart(
    *, holder: Holder, version: int | None, country: str | None, at: dt.datetime
) -> CartView:
    """Let nothing be in the cart, nor a coupon."""
    cart = demanded(holder, version)
    if cart and cart.is_open and (cart.lines.all().delete()[0] or cart.coupon_code):
        cart.coupon_code = ""
        cart.touch(at)
    return view_of(cart, holder=holder, country=country, at=at)


@transaction_required
def set_coupon(
    *, holder: Holder, code: str, version: int | None, country: str | None, at: dt.datetime
) -> CartView:
    """
    Put a coupon into the cart instead of another; no code takes it out.

    One that can't be used now is kept, and the cart says why: the goods may yet cost enough.
    """
    cart = opened(holder, version, at) if code else demanded(holder, version)
    if cart and cart.is_open and cart.coupon_code != code:
        cart.coupon_code = code
        cart.touch(at)
    return view_of(cart, holder=holder, country=country, at=at)


@transaction_required
def order_cart(
    *,
    holder: Holder,
    email: str | None,
    locale: str,
    address: Address,
    delivery_quote: str,
    payment_token: str,
    expected_total: Money | None,
    version: int | None,
    at: dt.datetime,
) -> Order:
    """
    Turn the cart into an order, which no cart becomes twice.

    :raises CartOrdered: with the order's id, if it is one already.
    :raises CartEmpty: if nothing is in it.
    :raises PreconditionFailed: if it is another version by now.
    :raises Refusal: whichever of `place_order`.
    """
    cart = Cart.locked(holder)
    if cart and cart.order_id:
        raise CartOrdered(order_id=cart.order_id)
    demand_version(cart, version)
    if not (cart and cart.is_open and cart.all_lines):
        raise CartEmpty
    order = place_order(
        customer_id=None if holder.is_guest else holder.id,
        email=email,
        locale=locale,
        lines=[(line.product_id, line.quantity) for line in cart.all_lines],
        address=address,
        delivery_quote=delivery_quote,
        payment_token=payment_token,
        expected_total=expected_total,
        coupon=cart.coupon_code or None,
        at=at,
    )
    cart.become(order, at)
    return order


@transaction_required
def prune_carts(*, guests_before: dt.datetime, customers_before: dt.datetime, limit: int) -> int:
    """Forget carts that nobody changed since then, at most so many; return how many there were."""
    stale = Cart.objects.filter(
        Q(is_guest=True, updated_at__lt=guests_before)
        | Q(is_guest=False, updated_at__lt=customers_before)
    )
    ids = list(stale.select_for_update(skip_locked=True).values_list("id", flat=True)[:limit])
    Cart.objects.filter(id__in=ids).delete()
    return len(ids)


def opened(holder: Holder, version: int | None, at: dt.datetime) -> Cart:
    """Return the holder's open cart, locked; a new one if there is none."""
    mine = None
    while True:
        cart = Cart.locked(holder)
        if cart is None or cart.id != mine:  # somebody else may have been faster to open one
            demand_version(cart, version)
        if cart and cart.is_open:
            return cart
        if not holder.is_guest and ErasedPerson.has(holder.id):
            raise CustomerErased
        mine = Cart.open(holder, after=cart.version if cart else 0, at=at)


def demanded(holder: Holder, version: int | None) -> Cart | None:
    """Return the holder's last cart, locked, if it is the version that was seen."""
    cart = Cart.locked(holder)
    demand_version(cart, version)
    return cart


def demand_version(cart: Cart | None, version: int | None) -> None:
    """Refuse to change what is another version than the one that was seen."""
    if version not in {None, cart.version if cart else 0}:
        raise PreconditionFailed


def new_line(cart: Cart, item: CatalogueItem) -> CartLine:
    """Return a line of a product whose offer its holder has just seen."""
    line = CartLine(cart=cart, product_id=item.product_id, code=item.code, name=item.name)
    line.seen = Offer.of(item)
    return line


def _store(line: CartLine, quantity: int) -> None:
    line.quantity = quantity
    line.save()
