"""What goods and their delivery cost: the one answer, for whoever asks."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections.abc import Mapping
from decimal import Decimal

from django.conf import settings

from apps.orders.events import Discount, TaxLine
from apps.orders.models import CatalogueItem, Coupon, Rates, TaxClass, TaxRate, amounts, rate_for
from apps.orders.models.amounts import Part
from apps.orders.usecases.coupons import find_coupon
from kernel.money import MAX_AMOUNT, Money
from kernel.refusals import Refusal
from kernel.transactions import transaction_required

Quantities = Mapping[uuid.UUID, int]


class MixedCurrencies(Refusal):
    """The products and the delivery must be priced in one currency."""


class TotalTooHigh(Refusal):
    """The order costs more than one payment can hold."""

    status = 422


@dataclasses.dataclass(frozen=True)
class PricedLine:
    """One product, so many times; amounts in minor units."""

    item: CatalogueItem
    quantity: int
    discount: int
    part: Part  # what is paid for it, and the tax on that

    @property
    def unit_price(self) -> int:
        """What one unit costs before any discount."""
        return self.item.price

    @property
    def price(self) -> int:
        """What the line costs before any discount."""
        return self.quantity * self.item.price


@dataclasses.dataclass(frozen=True)
class PricedDelivery:
    """The delivery; amounts in minor units."""

    price: int
    discount: int
    part: Part


@dataclasses.dataclass(frozen=True)
class Priced:
    """
    What it all costs, in minor units of one currency.

    `unknown` are the products that are not for sale; no line is made of them. `refusal` says why
    the coupon that was asked for takes nothing off.
    """

    currency: str
    prices_include_tax: bool
    lines: tuple[PricedLine, ...]
    delivery: PricedDelivery
    coupon: Coupon | None
    unknown: tuple[uuid.UUID, ...]
    refusal: Refusal | None

    @property
    def subtotal(self) -> int:
        """What the goods cost before any discount."""
        return sum(line.price for line in self.lines)

    @property
    def discount(self) -> int:
        """What the coupon takes off goods and delivery."""
        return self.delivery.discount + sum(line.discount for line in self.lines)

    @property
    def discounts(self) -> tuple[Discount, ...]:
        """The coupon with what it takes off."""
        return (Discount(code=self.coupon.code, amount=self.discount),) if self.coupon else ()

    @property
    def tax_lines(self) -> tuple[TaxLine, ...]:
        """The taxes by rate."""
        return amounts.tax_lines(self._parts, is_contained=self.prices_include_tax)

    @property
    def total(self) -> int:
        """What is to be paid."""
        return amounts.total(self._parts, is_contained=self.prices_include_tax)

    @property
    def _parts(self) -> list[Part]:
        return [*(line.part for line in self.lines), self.delivery.part]


@transaction_required
def price(
    *,
    lines: Quantities,
    country: str | None,
    delivery: Money | None,
    coupon: str | None,
    customer_id: uuid.UUID | None,
    at: dt.datetime,
) -> Priced:
    """
    Say what these products cost at this moment; nothing is locked, and nothing changes.

    Without a country there are no taxes yet, without a delivery's price it is nought.

    :raises MixedCurrencies, TotalTooHigh: if it can't be paid in one piece.
    """
    items = CatalogueItem.wanted(lines)
    wanted = {id_: quantity for id_, quantity in lines.items() if id_ in items}
    prices = [items[id_].price * quantity for id_, quantity in wanted.items()]
    subtotal = Money(amount=_bounded(sum(prices)), currency=_currency(items, delivery))
    found, refusal = _coupon(coupon, subtotal, customer_id, at)
    rates = TaxRate.in_country(country)
    off = amounts.spread(found.goods_discount(subtotal.amount) if found else 0, prices)
    priced = Priced(
        currency=subtotal.currency,
        prices_include_tax=settings.PRICES_INCLUDE_TAX,
        lines=tuple(
            _line(items[id_], quantity, discount, rates)
            for (id_, quantity), discount in zip(wanted.items(), off, strict=True)
        ),
        delivery=_delivery(delivery.amount if delivery else 0, found, rates),
        coupon=found,
        unknown=tuple(sorted(lines.keys() - items.keys())),
        refusal=refusal,
    )
    _bounded(priced.total)
    return priced


def _coupon(
    code: str | None, subtotal: Money, customer_id: uuid.UUID | None, at: dt.datetime
) -> tuple[Coupon | None, Refusal | None]:
    if not code:
        return None, None
    try:
        coupon = find_coupon(code=code, subtotal=subtotal, customer_id=customer_id, at=at)
    except Refusal as refusal:
        return None, refusal
    return coupon, None


def _line(item: CatalogueItem, quantity: int, discount: int, rates: Rates) -> PricedLine:
    part = _part(quantity * item.price - discount, rate_for(rates, item.tax_class))
    return PricedLine(item, quantity, discount, part)


def _delivery(amount: int, coupon: Coupon | None, rates: Rates) -> PricedDelivery:
    discount = coupon.delivery_discount(amount) if coupon else 0
    part = _part(amount - discount, rate_for(rates, TaxClass.STANDARD))
    return PricedDelivery(amount, discount, part)


def _part(paid: int, rate: TaxRate | None) -> Part:
    percent: Decimal | None = rate.percent if rate else None
    tax = amounts.tax_on(paid, percent, is_contained=settings.PRICES_INCLUDE_TAX)
    return Part(paid, tax, rate.name if rate else "", percent)


def _currency(items: Mapping[uuid.UUID, CatalogueItem], delivery: Money | None) -> str:
    currencies = {item.currency for item in items.values()}
    if delivery:
        currencies.add(delivery.currency)
    if len(currencies) > 1:
        raise MixedCurrencies
    return currencies.pop() if currencies else str(settings.CURRENCY)


def _bounded(amount: int) -> int:
    if amount > MAX_AMOUNT:
        raise TotalTooHigh
    return amount
