"""A cart as its holder sees it: at today's prices, and with what is another since they looked."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import uuid
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import orjson
from django.utils.functional import cached_property

from apps.orders.models import Cart, CartLine, Holder, Offer
from apps.orders.usecases.pricing import Priced, PricedLine, price
from kernel.transactions import transaction_required


@dataclasses.dataclass(frozen=True)
class CartChange:
    """What is another than it was shown; `kind` is the first word to say of it."""

    product_id: uuid.UUID
    kind: str
    old: Offer
    new: Offer


@dataclasses.dataclass
class CartView:
    """A cart, what it costs, and what its holder should be told of."""

    cart: Cart
    country: str | None
    priced: Priced
    left: tuple[CartChange, ...] = ()  # of products that found no place in the cart

    @cached_property
    def rows(self) -> list[tuple[CartLine, PricedLine | None]]:
        """The lines, each with what it costs; None for what isn't for sale."""
        priced = {line.item.product_id: line for line in self.priced.lines}
        return [(line, priced.get(line.product_id)) for line in self.cart.all_lines]

    @cached_property
    def changes(self) -> list[CartChange]:
        """What is another now than the holder was last shown."""
        return [change for row in self.rows for change in _changes(*row)] + list(self.left)

    @cached_property
    def shape(self) -> dict[str, Any]:
        """The cart as callers see it."""
        return {
            "id": self.cart.id,
            "lines": [_line(*row, self.priced.currency) for row in self.rows],
            "changes": [_change(change) for change in self.changes],
            "country": self.country,
            "coupon": self.cart.coupon_code or None,
            "coupon_problem": self.priced.refusal.code() if self.priced.refusal else None,
            **_sums(self.priced),
            "version": self.cart.version,
        }

    @cached_property
    def fingerprint(self) -> str:
        """Letters that are others as soon as anything that is shown is another."""
        digest = hashlib.sha256(orjson.dumps(self.shape, default=str)).hexdigest()
        return "".join(chr(ord("a") + int(digit, 16)) for digit in digest[:20])


@transaction_required
def show_cart(
    *, holder: Holder, country: str | None, known: Collection[str], at: dt.datetime
) -> CartView:
    """
    Show the holder's open cart; an empty one if there is none.

    `known` are fingerprints of answers that the holder has. What is told as a change is told
    again and again, until its holder proves to have this very answer: an answer may be lost, and
    what a browser fetches ahead nobody may ever look at. Only then the changes are noted as seen.
    """
    latest = Cart.latest(holder)
    view = view_of(latest, holder=holder, country=country, at=at)
    if view.changes and view.fingerprint in known:
        for line, priced in view.rows:
            line.seen = Offer.of(priced.item if priced else None)
        CartLine.objects.bulk_update(
            view.cart.all_lines, ["seen_price", "seen_currency", "seen_free"]
        )
    return view


def view_of(
    cart: Cart | None,
    *,
    holder: Holder,
    country: str | None,
    at: dt.datetime,
    left: Sequence[CartChange] = (),
) -> CartView:
    """Return what the holder is shown; an empty cart if there is none, or it is open no more."""
    if cart is None or not cart.is_open:
        cart = _empty(holder, version=cart.version if cart else 0)
    priced = price(
        lines={line.product_id: line.quantity for line in cart.all_lines},
        country=country,
        delivery=None,
        coupon=cart.coupon_code or None,
        customer_id=None if holder.is_guest else holder.id,
        at=at,
    )
    return CartView(cart, country, priced, tuple(left))


def _empty(holder: Holder, *, version: int) -> Cart:
    cart = Cart(holder_id=holder.id, is_guest=holder.is_guest, version=version)
    cart.all_lines = []
    return cart


def _changes(line: CartLine, priced: PricedLine | None) -> Iterator[CartChange]:
    old, new = line.seen, Offer.of(priced.item if priced else None)
    if old.price is not None and new.price is not None and old[:2] != new[:2]:
        yield CartChange(line.product_id, "price_changed", old, new)
    # Both are judged by today's quantity: what the holder did to the line is no news.
    if kind := _news(old, new, line.quantity):
        yield CartChange(line.product_id, kind, old, new)


def _news(old: Offer, new: Offer, quantity: int) -> str | None:
    if new.price is None:
        return None if old.price is None else "gone"
    if new.has(quantity):
        return None if old.has(quantity) else "available_again"
    if new.free == 0:
        return None if old.free == 0 and old.price is not None else "sold_out"
    if old.price is None or old.free == 0:
        return "available_again"
    is_less = old.free is None or (new.free or 0) < old.free
    return "less_available" if is_less else None


def _change(change: CartChange) -> dict[str, Any]:
    return {
        "product_id": change.product_id,
        "kind": change.kind,
        "old": _offer(change.old),
        "new": _offer(change.new),
    }


def _offer(offer: Offer) -> dict[str, Any]:
    price_ = None if offer.price is None else _money(offer.price, offer.currency)
    return {"unit_price": price_, "free": offer.free}


def _line(line: CartLine, priced: PricedLine | None, currency: str) -> dict[str, Any]:
    offer = Offer.of(priced.item if priced else None)
    return {
        "product_id": line.product_id,
        "code": priced.item.code if priced else line.code,
        "name": priced.item.name if priced else line.name,
        "quantity": line.quantity,
        "unit_price": _money(priced.unit_price, currency) if priced else None,
        "price": _money(priced.price, currency) if priced else None,
        "discount": _money(priced.discount, currency) if priced else None,
        "tax": _money(priced.part.tax, currency) if priced else None,
        "is_available": offer.has(line.quantity),
        "free": offer.free if priced else 0,
    }


def _sums(priced: Priced) -> dict[str, Any]:
    currency = priced.currency
    return {
        "subtotal": _money(priced.subtotal, currency),
        "discounts": [
            {"code": each.code, "amount": _money(each.amount, currency)}
            for each in priced.discounts
        ],
        "tax_lines": [
            {
                "name": each.name,
                "rate_percent": each.rate_percent,
                "net": _money(each.net, currency),
                "amount": _money(each.amount, currency),
            }
            for each in priced.tax_lines
        ],
        "prices_include_tax": priced.prices_include_tax,
        "total": _money(priced.total, currency),
        "currency": currency,
    }


def _money(amount: int, currency: str) -> dict[str, Any]:
    return {"amount": amount, "currency": currency}
