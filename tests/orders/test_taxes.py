"""Taxes: whose rate applies, in both ways of showing prices, and what a short package costs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from apps.orders.events import Discount, OrderLine, OrderModified, TaxLine, Terms
from apps.orders.models import Coupon, ErasedPerson, Order, TaxRate
from apps.warehouse.events import StockLine
from kernel.bus.testing import published
from kernel.money import Money
from tests.orders.scenes import ADDRESS, NOON, ORDERS, Scene, body, on_sale, quote, tell

pytestmark = pytest.mark.django_db


def euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def tax(rate: str, amount: int) -> dict[str, Any]:
    return {"rate_percent": rate, "amount": euros(amount)}


def tax_line(rate: str, net: int, amount: int) -> dict[str, Any]:
    return {"name": "VAT", "rate_percent": rate, "net": euros(net), "amount": euros(amount)}


@pytest.fixture
def customer(client_for: Callable[..., APIClient]) -> APIClient:
    return client_for()


def placed(client: APIClient, lines: dict[uuid.UUID, int], country: str = "SE") -> dict[str, Any]:
    """Place an order with this destination; return the answer."""
    asked = body(
        lines,
        address={**ADDRESS, "country": country},
        delivery_quote=quote(lines, country=country),
    )
    answer = client.post(ORDERS, asked)
    assert answer.status_code == 201, answer.json()
    shown: dict[str, Any] = answer.json()
    assert client.get(answer.headers["Location"]).json() == shown
    return shown


def product(tax_class: str, amount: int) -> uuid.UUID:
    return on_sale(tax_class=tax_class, price=Money(amount=amount, currency="EUR"))


class TestPricesThatIncludeTheTax:
    def test_contain_it_by_class_and_the_delivery_by_the_standard_rate(self, customer: Any) -> None:
        lines = {product("standard", 999): 1, product("reduced", 777): 2, product("zero", 300): 1}

        order = placed(customer, lines)

        # 999 * 25/125 = 199.8; 1554 * 12/112 = 166.5, half up; delivery 500 * 25/125 = 100.
        assert [line["tax"] for line in order["lines"]] == [tax("25", 200), tax("12", 167), None]
        assert order["tax_lines"] == [tax_line("25", 1199, 300), tax_line("12", 1387, 167)]
        assert order["prices_include_tax"] is True
        assert order["total"] == euros(999 + 1554 + 300 + 500)


class TestPricesWithoutTheTax:
    @pytest.fixture(autouse=True)
    def excluded(self, settings: Settings) -> None:
        settings.PRICES_INCLUDE_TAX = False

    def test_have_it_added_line_by_line(self, customer: Any) -> None:
        lines = {product("standard", 999): 1, product("reduced", 777): 2, product("zero", 300): 1}

        order = placed(customer, lines)

        # 999 * 25 % = 249.75; 1554 * 12 % = 186.48; delivery 500 * 25 % = 125.
        assert [line["tax"] for line in order["lines"]] == [tax("25", 250), tax("12", 186), None]
        assert order["tax_lines"] == [tax_line("25", 1499, 375), tax_line("12", 1554, 186)]
        assert order["prices_include_tax"] is False
        assert order["total"] == euros(999 + 1554 + 300 + 500 + 375 + 186)

    def test_stay_so_when_less_is_packed_under_another_setting(
        self, scene: Scene, settings: Settings
    ) -> None:
        scene.hear("StockReserved", "PaymentAuthorized")
        settings.PRICES_INCLUDE_TAX = True

        tell(scene.event("PackageCreated", lines=(StockLine(product_id=scene.lamp, quantity=1),)))

        # One lamp and the delivery, 25 % on each.
        assert scene.order.total == 1000 + 250 + 500 + 125


class TestARate:
    def test_that_a_country_lacks_is_no_tax(self, customer: Any) -> None:
        order = placed(customer, {product("standard", 1000): 1}, country="US")

        assert (order["tax_lines"], order["lines"][0]["tax"]) == ([], None)
        assert order["total"] == euros(1500)

    def test_that_is_reduced_is_the_standard_one_where_there_is_but_that(
        self, customer: Any
    ) -> None:
        order = placed(customer, {product("reduced", 1000): 1}, country="DK")

        assert order["lines"][0]["tax"] == tax("25", 200)

    def test_of_nought_is_shown(self, customer: Any) -> None:
        TaxRate.objects.create(country="SE", tax_class="zero", percent=0)

        order = placed(customer, {product("zero", 1000): 1})

        assert order["tax_lines"] == [tax_line("25", 400, 100), tax_line("0", 1000, 0)]

    @pytest.mark.parametrize(
        ("country", "standard", "reduced"),
        [
            ("SE", "25", "12"),
            ("DE", "19", "7"),
            ("FI", "25.5", None),
            ("NO", "25", "15"),
            ("DK", "25", None),
        ],
    )
    def test_to_begin_with_is_a_real_one(
        self, country: str, standard: str, reduced: str | None
    ) -> None:
        rows = dict(TaxRate.objects.filter(country=country).values_list("tax_class", "percent"))
        wanted = {"standard": Decimal(standard)}
        assert rows == wanted | ({"reduced": Decimal(reduced)} if reduced else {})

    def test_to_begin_with_is_there_for_each_country_of_the_union_and_norway(self) -> None:
        assert TaxRate.objects.filter(tax_class="standard").count() == 28


class TestAShortPackage:
    def test_is_priced_by_the_rate_and_the_discount_that_were_agreed(self, scene: Scene) -> None:
        Coupon.objects.create(code="TENTH", kind="percent", percent=10, valid_from=NOON)
        answer = scene.customer.post(ORDERS, body(scene.lines, coupon="tenth"))
        scene.id = uuid.UUID(answer.json()["id"])
        scene.hear("StockReserved", "PaymentAuthorized")
        TaxRate.objects.update(percent=50)
        Coupon.objects.update(percent=90)

        tell(scene.event("PackageCreated", lines=(StockLine(product_id=scene.lamp, quantity=1),)))

        [told] = [event for event in scene.said() if isinstance(event, OrderModified)]
        lamp = {
            "product_id": scene.lamp,
            "code": "LAMP",
            "name": "Lamp",
            "unit_price": 1000,
            "tax_rate_percent": "25",
        }
        assert told.new == Terms(
            lines=(OrderLine(**lamp, quantity=1, discount=100, tax=180),),
            delivery_price=500,
            delivery_tax=100,
            delivery_tax_rate_percent="25",
            tax_lines=(TaxLine(name="VAT", rate_percent="25", net=1120, amount=280),),
            discounts=(Discount(code="TENTH", amount=100),),
            total=1400,
            currency="EUR",
        )
        assert (told.old.total, told.old.discounts) == (
            2930,
            (Discount(code="TENTH", amount=270),),
        )
        assert told.old.lines[0] == OrderLine(**lamp, quantity=2, discount=200, tax=360)
        shown = scene.customer.get(scene.url).json()
        assert [line["discount"] for line in shown["lines"]] == [euros(100), euros(0)]
        assert (shown["discounts"], shown["total"]) == (
            [{"code": "TENTH", "amount": euros(100)}],
            euros(1400),
        )


def test_who_was_erased_places_no_order_though_the_token_is_still_good(customer: Any) -> None:
    lamp = on_sale()
    before = len(published())
    ErasedPerson.remember(customer.user_id, at=NOON)

    answer = customer.post(ORDERS, body({lamp: 1}))

    assert (answer.status_code, answer.json()["code"]) == (403, "customer_erased")
    assert (Order.objects.count(), len(published())) == (0, before)
