"""How an order comes to be."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping

from django.conf import settings

from apps.orders import events
from apps.orders.models import CatalogueItem, Order, OrderLine, TimelineEntry, What
from kernel.address import Address
from kernel.bus.outbox import publish
from kernel.ids import new_id
from kernel.money import MAX_AMOUNT, Money
from kernel.refusals import Refusal
from kernel.signing import unsign
from kernel.transactions import transaction_required

GATEWAY = "payment_3p"
Quantities = Mapping[uuid.UUID, int]
Items = Mapping[uuid.UUID, CatalogueItem]


class UnknownProduct(Refusal):
    """A product in the order is not for sale."""

    status = 422


class SoldOut(Refusal):
    """There is not enough of a product in the order."""


class MixedCurrencies(Refusal):
    """The products and the delivery must be priced in one currency."""


class QuoteMismatch(Refusal):
    """The delivery quote is for other lines or another country: ask for a new one."""

    status = 422


class TotalChanged(Refusal):
    """The total is another than you expect: prices have changed."""


class TotalTooHigh(Refusal):
    """The order costs more than one payment can hold."""

    status = 422


@transaction_required
def place_order(
    *,
    customer_id: uuid.UUID | None,
    lines: Iterable[tuple[uuid.UUID, int]],
    address: Address,
    delivery_quote: str,
    payment_token: str,
    expected_total: Money | None,
    at: dt.datetime,
) -> Order:
    """
    Place an order at today's prices and announce it; a product named twice is one line.

    `customer_id` is None for a guest. The prices are those that products last told.

    :raises UnknownProduct, SoldOut: naming the products.
    :raises InvalidSignature, ExpiredSignature, QuoteMismatch: if the quote is not one for this.
    :raises MixedCurrencies, TotalTooHigh: if it can't be paid in one piece.
    :raises TotalChanged: with the real total, if another is expected.
    """
    quantities: Counter[uuid.UUID] = Counter()
    for product_id, quantity in lines:
        quantities[product_id] += quantity
    items = _for_sale(quantities)
    delivery = _delivery_price(delivery_quote, quantities, address.country)
    total = _total(items, quantities, delivery)
    if expected_total not in {None, total}:
        raise TotalChanged(total=total.model_dump())
    order = _order(customer_id, address, delivery, total, payment_token, at)
    order.all_lines = [_line(order, items[id_], wanted) for id_, wanted in quantities.items()]
    _store(order, address)
    return order


def _for_sale(quantities: Quantities) -> Items:
    items = CatalogueItem.wanted(quantities)
    if unknown := sorted(quantities.keys() - items.keys()):
        raise UnknownProduct(products=unknown)
    short = [
        {"product_id": id_, "wanted": quantities[id_], "free": item.free}
        for id_, item in sorted(items.items())
        if item.free is not None and item.free < quantities[id_]
    ]
    if short and settings.REFUSE_SOLD_OUT:
        raise SoldOut(products=short)
    return items


def _delivery_price(quote: str, quantities: Quantities, country: str) -> Money:
    """Return what delivery promised; the promise is bound to lines and country."""
    promised = unsign(quote, purpose="delivery-quote")
    lines = [[str(id_), quantities[id_]] for id_ in sorted(quantities)]
    if (promised["country"], promised["lines"]) != (country, lines):
        raise QuoteMismatch
    return Money(amount=promised["amount"], currency=promised["currency"])


def _total(items: Items, quantities: Quantities, delivery: Money) -> Money:
    if {item.currency for item in items.values()} != {delivery.currency}:
        raise MixedCurrencies
    amount = delivery.amount + sum(items[id_].price * wanted for id_, wanted in quantities.items())
    if amount > MAX_AMOUNT:
        raise TotalTooHigh
    return Money(amount=amount, currency=delivery.currency)


def _order(
    customer_id: uuid.UUID | None,
    address: Address,
    delivery: Money,
    total: Money,
    payment_token: str,
    at: dt.datetime,
) -> Order:
    order_id = new_id()
    return Order(
        id=order_id,
        customer_id=customer_id,
        person_id=customer_id or order_id,
        address=address.model_dump(),
        country=address.country,
        currency=total.currency,
        delivery_price=delivery.amount,
        total=total.amount,
        gateway=GATEWAY,
        payment_token=payment_token,
        placed_at=at,
        updated_at=at,
        deadline=at + settings.ORDER_TIMEOUT,
    )


def _line(order: Order, item: CatalogueItem, quantity: int) -> OrderLine:
    return OrderLine(
        order=order,
        product_id=item.product_id,
        code=item.code,
        name=item.name,
        ordered_quantity=quantity,
        quantity=quantity,
        unit_price=item.price,
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
        )
    )
