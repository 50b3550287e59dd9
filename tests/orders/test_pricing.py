"""What holds of every price, whatever is ordered: sums that agree, and nothing below nought."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from apps.orders import usecases
from apps.orders.events import Terms
from apps.orders.models import CatalogueItem, Coupon, Order, TaxRate, amounts
from apps.orders.usecases import placing
from kernel.address import Address
from kernel.ids import new_id
from kernel.money import Money
from kernel.transactions import transaction
from tests.orders.scenes import ADDRESS, NOON

pytestmark = pytest.mark.django_db
EXAMPLES = hypothesis_settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PRICES = st.integers(0, 200_000)
RATES = st.one_of(st.none(), st.decimals(0, 99, places=3))
LINES = st.lists(
    st.tuples(PRICES, st.integers(1, 9), st.sampled_from(["standard", "reduced", "zero"])),
    min_size=1,
    max_size=6,
)
COUPONS = st.one_of(
    st.none(),
    st.builds(
        lambda percent: {"kind": "percent", "percent": percent},
        st.decimals(Decimal("0.01"), 100, places=2),
    ),
    st.builds(
        lambda amount: {"kind": "amount", "amount": amount, "currency": "EUR"},
        st.integers(1, 300_000),
    ),
    st.just({"kind": "free_delivery"}),
)
ORDERS = {
    "lines": LINES,
    "delivery": PRICES,
    "rates": st.tuples(RATES, RATES, RATES),
    "coupon": COUPONS,
    "is_contained": st.booleans(),
}


def priced(
    lines: Iterable[tuple[int, int, str]],
    delivery: int,
    rates: Iterable[Decimal | None],
    coupon: dict[str, Any] | None,
    is_contained: bool,
) -> usecases.Priced:
    """Price what was drawn, read from real rows."""
    TaxRate.objects.filter(country="SE").delete()
    Coupon.objects.all().delete()
    TaxRate.objects.bulk_create(
        TaxRate(country="SE", tax_class=tax_class, percent=percent)
        for tax_class, percent in zip(("standard", "reduced", "zero"), rates, strict=True)
        if percent is not None
    )
    items = {new_id(): line for line in lines}
    CatalogueItem.objects.bulk_create(
        CatalogueItem(
            product_id=id_, version=1, price=price, currency="EUR", is_active=True, tax_class=kind
        )
        for id_, (price, _, kind) in items.items()
    )
    if coupon:
        Coupon.objects.create(code="DRAWN", valid_from=NOON, **coupon)
    with transaction(), override_settings(PRICES_INCLUDE_TAX=is_contained):
        return usecases.price(
            lines={id_: quantity for id_, (_, quantity, _) in items.items()},
            country="SE",
            delivery=Money(amount=delivery, currency="EUR"),
            coupon="drawn" if coupon else None,
            customer_id=None,
            at=NOON,
        )


def ordered(found: usecases.Priced) -> Order:
    """Return the order that would be placed at these prices."""
    order = placing._order(found, None, None, "en", Address(**ADDRESS), "tok-1", NOON)
    order.all_lines = [placing._line(order, line) for line in found.lines]
    return order


def demand_sums_that_agree(terms: Terms) -> None:
    goods = sum(line.quantity * line.unit_price for line in terms.lines)
    discount = sum(given.amount for given in terms.discounts)
    taxes = sum(line.amount for line in terms.tax_lines)
    paid = goods + terms.delivery_price - discount

    assert terms.total == paid + (0 if terms.prices_include_tax else taxes)
    assert discount == terms.delivery_discount + sum(line.discount for line in terms.lines)
    parts = [
        *((line.tax_rate_percent, line.tax) for line in terms.lines),
        (terms.delivery_tax_rate_percent, terms.delivery_tax),
    ]
    assert sum(tax for _, tax in parts) == taxes
    for line in terms.tax_lines:
        assert line.amount == sum(tax for rate, tax in parts if rate == line.rate_percent)
    untaxed = [tax for rate, tax in parts if rate is None]
    assert untaxed == [0] * len(untaxed)
    amounts_ = [terms.total, terms.delivery_discount, discount, taxes, *(t for _, t in parts)]
    assert min(amounts_) >= 0
    assert terms.delivery_discount <= terms.delivery_price
    assert all(0 <= line.discount <= line.quantity * line.unit_price for line in terms.lines)


@given(**ORDERS)
@EXAMPLES
def test_the_parts_of_a_price_add_up_to_it(**drawn: Any) -> None:
    found = priced(**drawn)
    terms = ordered(found).terms

    demand_sums_that_agree(terms)
    assert (terms.total, terms.tax_lines, terms.discounts) == (
        found.total,
        found.tax_lines,
        found.discounts,
    )
    assert found.refusal is None
    assert bool(terms.discounts) is bool(drawn["coupon"])


@given(**ORDERS)
@EXAMPLES
def test_each_line_s_tax_lies_within_half_a_unit_of_the_exact_one(**drawn: Any) -> None:
    found = priced(**drawn)

    for part in [*(line.part for line in found.lines), found.delivery.part]:
        rate = Fraction(part.rate or 0)
        exact = part.paid * rate / (100 + rate if drawn["is_contained"] else 100)
        assert -Fraction(1, 2) < part.tax - exact <= Fraction(1, 2)


@given(**ORDERS, packed=st.lists(st.integers(0, 9), min_size=6, max_size=6))
@EXAMPLES
def test_a_package_with_less_never_costs_more_and_still_adds_up(
    packed: list[int], **drawn: Any
) -> None:
    order = ordered(priced(**drawn))
    before = order.terms
    TaxRate.objects.update(percent=99)  # today's rates are not what was agreed

    order.pack({line.product_id: n for line, n in zip(order.all_lines, packed, strict=False)})

    after = order.terms
    demand_sums_that_agree(after)
    assert after.total <= before.total
    rates = {line.product_id: line.tax_rate_percent for line in before.lines}
    for line in after.lines:
        rate, paid = rates[line.product_id], line.quantity * line.unit_price - line.discount
        tax = amounts.tax_on(paid, rate and Decimal(rate), is_contained=after.prices_include_tax)
        assert (line.tax_rate_percent, line.tax) == (rate, tax)
    untouched = {line.product_id: line for line in before.lines}
    for line in after.lines:
        if line.quantity == untouched[line.product_id].quantity:
            assert line == untouched[line.product_id]


@given(amount=st.integers(0, 10**12), over=st.lists(st.integers(0, 10**10), max_size=100))
def test_an_amount_is_spread_without_a_rest_and_no_share_exceeds_its_line(
    amount: int, over: list[int]
) -> None:
    amount = min(amount, sum(over))

    shares = amounts.spread(amount, over)

    assert sum(shares) == amount
    for share, line in zip(shares, over, strict=True):
        assert 0 <= share <= line
        assert abs(share - Fraction(amount * line, sum(over) or 1)) < 1


@pytest.mark.parametrize(
    ("paid", "rate", "contained", "added"),
    [
        (1000, "25", 200, 250),
        (999, "25", 200, 250),  # 199.8; 249.75
        (10, "25", 2, 3),  # 2.5 is 3: half up
        (1, "25", 0, 0),
        (1234, "5.5", 64, 68),  # 64.33; 67.87
        (100, "25.5", 20, 26),  # 25.5 is 26
        (100, "0", 0, 0),
    ],
)
def test_a_tax_is_rounded_half_up(paid: int, rate: str, contained: int, added: int) -> None:
    taxes = [amounts.tax_on(paid, Decimal(rate), is_contained=inside) for inside in (True, False)]
    assert taxes == [contained, added]


def test_what_is_not_for_sale_is_named_and_costs_nothing() -> None:
    unknown = uuid.UUID(int=7)
    with transaction():
        found = usecases.price(
            lines={unknown: 2}, country=None, delivery=None, coupon=None, customer_id=None, at=NOON
        )

    assert (found.unknown, found.lines, found.total, found.currency) == (
        (unknown,),
        (),
        0,
        settings.CURRENCY,
    )


@pytest.mark.parametrize("lines", [1, 50])
def test_a_price_takes_three_queries_however_many_lines(
    lines: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    drawn = [(100, 1, "standard")] * lines
    ids = [line.item.product_id for line in priced(drawn, 0, (None,) * 3, None, True).lines]
    Coupon.objects.create(code="TEN", kind="percent", percent=10)
    with transaction(), django_assert_num_queries(3):
        usecases.price(
            lines=dict.fromkeys(ids, 1),
            country="SE",
            delivery=None,
            coupon="TEN",
            customer_id=new_id(),
            at=NOON,
        )
