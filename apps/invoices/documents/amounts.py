"""What is sold, without tax: the European invoice counts so, however prices are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from babel.numbers import get_currency_precision

from apps.invoices.models import CreditNote, Invoice


class AmountsDisagree(Exception):
    """What was sold doesn't add up to the total: such an invoice must not be issued."""


class Item(NamedTuple):
    """Goods or delivery in minor units: `price` is for all of it, less `discount`, without tax."""

    name: str
    code: str
    quantity: int
    price: int
    discount: int
    tax: int
    rate: str | None  # in percent; None where there is no tax

    @property
    def net(self) -> int:
        """What is paid for it, without tax."""
        return self.price - self.discount


def goods(invoice: Invoice) -> list[Item]:
    """
    Return the lines of an invoice.

    :raises AmountsDisagree: if they and the delivery don't come to its total.
    """
    is_gross = includes_tax(invoice.terms)
    items = [
        _item(
            line["name"],
            line["code"],
            line["quantity"],
            line["unit_price"],
            discount=line.get("discount", 0),
            tax=line.get("tax", 0),
            rate=line.get("tax_rate_percent"),
            is_gross=is_gross,
        )
        for line in invoice.terms["lines"]
    ]
    found = sum(each.net + each.tax for each in (*items, delivery(invoice)))
    if found != invoice.total:
        raise AmountsDisagree(f"{invoice.number}: {found} is sold, and {invoice.total} the total.")
    return items


def delivery(invoice: Invoice) -> Item:
    """Return what the delivery costs."""
    terms = invoice.terms
    return _item(
        "",
        "",
        1,
        terms["delivery_price"],
        discount=terms.get("delivery_discount", 0),
        tax=terms.get("delivery_tax", 0),
        rate=terms.get("delivery_tax_rate_percent"),
        is_gross=includes_tax(terms),
    )


def credited(note: CreditNote, name: str) -> list[Item]:
    """Return what a credit note gives back: an item for each rate."""
    return [
        Item(name, "", 1, line["net"], 0, line["amount"], line["rate_percent"])
        for line in note.tax_lines
    ]


def by_rate(items: Iterable[Item]) -> dict[str | None, tuple[int, int]]:
    """Return net and tax at each rate."""
    sums: dict[str | None, tuple[int, int]] = {}
    for item in items:
        net, tax = sums.get(item.rate, (0, 0))
        sums[item.rate] = net + item.net, tax + item.tax
    return sums


def includes_tax(terms: Mapping[str, Any]) -> bool:
    """Say whether prices hold the tax; what was agreed before there were taxes doesn't say so."""
    return bool(terms.get("prices_include_tax", True))


def written(amount: Decimal | int, currency: str) -> str:
    """Write minor units as a plain number of the currency: `12.50`."""
    return format(Decimal(amount).scaleb(-get_currency_precision(currency)), "f")


def _item(
    name: str,
    code: str,
    quantity: int,
    unit_price: int,
    *,
    discount: int,
    tax: int,
    rate: str | None,
    is_gross: bool,
) -> Item:
    price = quantity * unit_price
    if is_gross:
        net = price - discount - tax
        discount = _without_tax(discount, rate)
        price = net + discount
    return Item(name, code, quantity, price, discount, tax, rate)


def _without_tax(amount: int, rate: str | None) -> int:
    """Return an amount less the tax that it holds, rounded half up."""
    whole = Decimal(amount) * 100 / (100 + Decimal(rate or 0))
    return int(whole.to_integral_value(ROUND_HALF_UP))
