"""How an order comes to be."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterable
from typing import ClassVar

from django.conf import settings
from pydantic import BaseModel

from apps.orders import events
from apps.orders.models import ErasedPerson, Order, OrderLine, TimelineEntry, What
from apps.orders.usecases.coupons import redeem
from apps.orders.usecases.pricing import Priced, PricedLine, Quantities, price
from kernel.address import Address
from kernel.bus.outbox import publish
from kernel.ids import new_id
from kernel.money import Money
from kernel.refusals import Refusal
from kernel.signing import unsign
from kernel.transactions import transaction_required


class UnknownProduct(Refusal):
    """A product in the order is not for sale."""

    status = 422
    members: ClassVar = {"products": list[uuid.UUID]}


class ShortProduct(BaseModel):
    """A product of which more was wanted than is free."""

    product_id: uuid.UUID
    wanted: int
    free: int


class SoldOut(Refusal):
    """There is not enough of a product in the order."""

    members: ClassVar = {"products": list[ShortProduct]}


class QuoteMismatch(Refusal):
    """The delivery quote is for other lines or another country: ask for a new one."""

    status = 422


class TotalChanged(Refusal):
    """The total is another than you expect: prices have changed."""

    members: ClassVar = {"total": Money}


class CustomerErased(Refusal):
    """This account was erased: it can't order any more."""

    status = 403


@transaction_required
def place_order(
    *,
    customer_id: uuid.UUID | None,
    lines: Iterable[tuple[uuid.UUID, int]],
    address: Address,
    delivery_quote: str,
    payment_token: str,
    expected_total: Money | None,
    coupon: str | None,
    at: dt.datetime,
    email: str | None = None,
    locale: str = "en",
) -> Order:
    """
    Place an order at today's prices and announce it; a product named twice is one line.

    A guest has no `customer_id` but an `email`. The prices are those that products last told.

    :raises InvalidSignature, ExpiredSignature, QuoteMismatch: if the quote is not one for this.
    :raises MixedCurrencies, TotalTooHigh: if it can't be paid in one piece.
    :raises UnknownProduct, SoldOut, TotalChanged: naming the products, or the real total.
    :raises Refusal: whichever of `find_coupon`; CustomerErased.
    """
    _demand_customer(customer_id)
    quantities = _summed(lines)
    priced = price(
        lines=quantities,
        country=address.country,
        delivery=_delivery_price(delivery_quote, quantities, address.country),
        coupon=coupon,
        customer_id=customer_id,
        at=at,
    )
    _demand_all(priced, expected_total)
    order = _order(priced, customer_id, email, locale, address, payment_token, at)
    order.all_lines = [_line(order, line) for line in priced.lines]
    _store(order, address)
    if priced.coupon:  # last, since whoever wants it too waits from here on
        redeem(coupon=priced.coupon, order=order, amount=priced.discount)
    return order


def _demand_customer(customer_id: uuid.UUID | None) -> None:
    # An erasure that is noted after this look does no harm: the order forgets when it ends.
    if customer_id and ErasedPerson.has(customer_id):
        raise CustomerErased


def _summed(lines: Iterable[tuple[uuid.UUID, int]]) -> Quantities:
    quantities: Counter[uuid.UUID] = Counter()
    for product_id, quantity in lines:
        quantities[product_id] += quantity
    return quantities


def _demand_all(priced: Priced, expected_total: Money | None) -> None:
    """Refuse what is not for sale, sold out, not taken off, or another total than expected."""
    if priced.unknown:
        raise UnknownProduct(products=list(priced.unknown))
    short = [
        ShortProduct(product_id=line.item.product_id, wanted=line.quantity, free=line.item.free)
        for line in sorted(priced.lines, key=lambda line: line.item.product_id)
        if line.item.free is not None and line.item.free < line.quantity
    ]
    if short and settings.REFUSE_SOLD_OUT:
        raise SoldOut(products=short)
    if priced.refusal:
        raise priced.refusal
    total = Money(amount=priced.total, currency=priced.currency)
    if expected_total not in {None, total}:
        raise TotalChanged(total=total.model_dump())


def _delivery_price(quote: str, quantities: Quantities, country: str) -> Money:
    """Return what delivery promised; the promise is bound to lines and country."""
    promised = unsign(quote, purpose="delivery-quote")
    lines = [[str(id_), quantities[id_]] for id_ in sorted(quantities)]
    if (promised["country"], promised["lines"]) != (country, lines):
        raise QuoteMismatch
    return Money(amount=promised["amount"], currency=promised["currency"])


def _order(
    priced: Priced,
    customer_id: uuid.UUID | None,
    email: str | None,
    locale: str,
    address: Address,
    payment_token: str,
    at: dt.datetime,
) -> Order:
    order_id = new_id()
    delivery = priced.delivery
    return Order(
        id=order_id,
        customer_id=customer_id,
        person_id=customer_id or order_id,
        email=email or "",
        locale=locale,
        address=address.model_dump(),
        country=address.country,
        currency=priced.currency,
        delivery_price=delivery.price,
        delivery_discount=delivery.discount,
        delivery_tax=delivery.part.tax,
        delivery_tax_name=delivery.part.name,
        delivery_tax_rate=delivery.part.rate,
        prices_include_tax=priced.prices_include_tax,
        coupon_code=priced.coupon.code if priced.coupon else "",
        total=priced.total,
        gateway=settings.PAYMENT_GATEWAYS[0],
        payment_token=payment_token,
        placed_at=at,
        updated_at=at,
        deadline=at + settings.ORDER_TIMEOUT,
    )


def _line(order: Order, line: PricedLine) -> OrderLine:
    return OrderLine(
        order=order,
        product_id=line.item.product_id,
        code=line.item.code,
        name=line.item.name,
        ordered_quantity=line.quantity,
        quantity=line.quantity,
        unit_price=line.unit_price,
        discount=line.discount,
        tax=line.part.tax,
        tax_name=line.part.name,
        tax_rate=line.part.rate,
    )


def _store(order: Order, address: Address) -> None:
    order.save(force_insert=True)
    OrderLine.objects.bulk_create(order.all_lines)
    TimelineEntry.objects.create(
        order=order, at=order.placed_at, what=What.PLACED, state=order.state
    )
    publish(
        events.OrderPlaced(
            occurred_at=order.placed_at,
            order_id=order.id,
            version=order.version,
            number=order.number,
            customer_id=order.customer_id,
            person_id=order.person_id,
            terms=order.terms,
            country=order.country,
            address=address,
            gateway=order.gateway,
            payment_token=order.payment_token,
            locale=order.locale,
            email=order.email or None,
        )
    )
