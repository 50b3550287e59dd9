from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from apps.orders.events import OrderLine, OrderPlaced, TaxLine, Terms
from apps.orders.models import Order, is_number
from apps.products.events import ProductUpdated
from kernel.address import Address
from kernel.bus.testing import published
from kernel.ids import new_id
from kernel.money import Money
from kernel.signing import sign
from tests.orders.scenes import (
    ADDRESS,
    NOON,
    ORDERS,
    body,
    on_sale,
    product_state,
    quote,
    stock_level,
    tell,
)

pytestmark = pytest.mark.django_db


def euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def place(client: APIClient, asked: dict[str, Any], **headers: str) -> Any:
    return client.post(ORDERS, asked, headers=headers)


@pytest.fixture
def customer(client_for: Callable[..., APIClient]) -> APIClient:
    return client_for()


@pytest.fixture
def lamp() -> uuid.UUID:
    return on_sale(code="LAMP", name="Lamp", price=Money(amount=1000, currency="EUR"))


@pytest.fixture
def rug() -> uuid.UUID:
    return on_sale(code="RUG", name="Rug", price=Money(amount=700, currency="EUR"))


class TestPlacing:
    def test_answers_the_order_and_tells_it_whole(
        self, customer: Any, lamp: uuid.UUID, rug: uuid.UUID
    ) -> None:
        answer = place(customer, body({lamp: 2, rug: 1}, expected_total=euros(3200)))

        order = answer.json()
        assert answer.status_code == 201
        assert answer.headers["Location"] == f"/api/v1/orders/{order['id']}"
        assert answer.headers["ETag"] == '"v1"'
        assert is_number(order["number"])
        assert order == {
            "id": order["id"],
            "number": order["number"],
            "customer_id": str(customer.user_id),
            "state": "PLACED",
            "lines": [
                {
                    "product_id": str(lamp),
                    "code": "LAMP",
                    "name": "Lamp",
                    "quantity": 2,
                    "ordered_quantity": 2,
                    "unit_price": euros(1000),
                    "discount": euros(0),
                    "tax": {"rate_percent": "25", "amount": euros(400)},
                },
                {
                    "product_id": str(rug),
                    "code": "RUG",
                    "name": "Rug",
                    "quantity": 1,
                    "ordered_quantity": 1,
                    "unit_price": euros(700),
                    "discount": euros(0),
                    "tax": {"rate_percent": "25", "amount": euros(140)},
                },
            ],
            "address": ADDRESS,
            "email": None,
            "subtotal": euros(2700),
            "delivery_price": euros(500),
            "discounts": [],
            "prices_include_tax": True,
            "tax_lines": [
                {"name": "VAT", "rate_percent": "25", "net": euros(2560), "amount": euros(640)}
            ],
            "total": euros(3200),
            "currency": "EUR",
            "version": 1,
            "placed_at": "2026-03-01T12:00:00Z",
            "updated_at": "2026-03-01T12:00:00Z",
            "cancellation": None,
            "tracking_number": None,
        }
        assert published(OrderPlaced) == [
            OrderPlaced(
                occurred_at=NOON,
                order_id=uuid.UUID(order["id"]),
                version=1,
                number=order["number"],
                customer_id=customer.user_id,
                person_id=customer.user_id,
                terms=Terms(
                    lines=(
                        OrderLine(
                            product_id=lamp,
                            code="LAMP",
                            name="Lamp",
                            quantity=2,
                            unit_price=1000,
                            tax=400,
                            tax_rate_percent="25",
                        ),
                        OrderLine(
                            product_id=rug,
                            code="RUG",
                            name="Rug",
                            quantity=1,
                            unit_price=700,
                            tax=140,
                            tax_rate_percent="25",
                        ),
                    ),
                    delivery_price=500,
                    delivery_tax=100,
                    delivery_tax_rate_percent="25",
                    tax_lines=(TaxLine(name="VAT", rate_percent="25", net=2560, amount=640),),
                    total=3200,
                    currency="EUR",
                ),
                country="SE",
                address=Address(**ADDRESS),
                gateway="payment_3p",
                payment_token="tok-1",
            )
        ]
        assert customer.get(answer.headers["Location"]).json() == order

    def test_sums_a_product_that_is_named_twice(self, customer: Any, lamp: uuid.UUID) -> None:
        line = {"product_id": str(lamp), "quantity": 2}
        asked = body({lamp: 4}, lines=[line, line])

        order = place(customer, asked).json()

        assert [line["quantity"] for line in order["lines"]] == [4]
        assert order["total"] == euros(4500)

    @pytest.mark.parametrize("lines", [1, 50])
    def test_takes_few_statements_however_many_lines_it_has(
        self, customer: Any, lines: int, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        asked = body({on_sale(): 1 for _ in range(lines)})
        # A savepoint around (the test holds the transaction); erased?, catalogue with stock, tax
        # rates; order, lines, timeline; the person's key; outbox.
        with django_assert_num_queries(2 + 8):
            assert place(customer, asked).status_code == 201

    def test_lets_the_warehouse_decide_on_what_it_has_not_told_of(self, customer: Any) -> None:
        assert place(customer, body({on_sale(stock=None): 1})).status_code == 201

    def test_lets_the_warehouse_alone_decide_if_so_set(
        self, customer: Any, settings: Settings
    ) -> None:
        settings.REFUSE_SOLD_OUT = False

        assert place(customer, body({on_sale(stock=0): 1})).status_code == 201

    def test_charges_the_price_that_was_told_last(self, customer: Any, lamp: uuid.UUID) -> None:
        old, new = product_state(), product_state(price=Money(amount=900, currency="EUR"))
        tell(
            ProductUpdated(
                occurred_at=NOON, product_id=lamp, version=2, old=old, new=new, changed=("price",)
            )
        )

        assert place(customer, body({lamp: 1})).json()["total"] == euros(1400)


class TestTheSameRequestTwice:
    def test_places_one_order(self, customer: Any, lamp: uuid.UUID) -> None:
        asked = body({lamp: 1})
        headers = {"Idempotency-Key": "once"}

        first = place(customer, asked, **headers)
        second = place(customer, asked, **headers)

        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
        assert second.headers["Idempotent-Replayed"] == "true"
        assert Order.objects.count() == 1
        assert len(published(OrderPlaced)) == 1

    def test_with_another_body_is_refused(self, customer: Any, lamp: uuid.UUID) -> None:
        headers = {"Idempotency-Key": "once"}
        place(customer, body({lamp: 1}), **headers)

        answer = place(customer, body({lamp: 2}), **headers)

        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
        assert len(published(OrderPlaced)) == 1

    def test_after_a_refusal_is_judged_anew(self, customer: Any) -> None:
        product = on_sale(stock=0)
        headers = {"Idempotency-Key": "once"}
        assert place(customer, body({product: 1}), **headers).status_code == 409

        tell(stock_level(product, 1, version=2))

        assert place(customer, body({product: 1}), **headers).status_code == 201


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Check that it was refused so, and that nothing has happened; return the problem."""
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert not Order.objects.exists()
    assert published(OrderPlaced) == []
    return problem


class TestRefuses:
    def test_what_is_not_for_sale_naming_it(self, customer: Any, lamp: uuid.UUID) -> None:
        hidden, unknown = on_sale(is_active=False), new_id()

        answer = place(customer, body({lamp: 1, unknown: 1, hidden: 1}))

        problem = refused(answer, 422, "unknown_product")
        assert problem["products"] == sorted([str(unknown), str(hidden)])

    def test_what_is_sold_out_naming_it(self, customer: Any, lamp: uuid.UUID) -> None:
        scarce = on_sale(stock=2)

        answer = place(customer, body({lamp: 1, scarce: 3}))

        problem = refused(answer, 409, "sold_out")
        assert problem["products"] == [{"product_id": str(scarce), "wanted": 3, "free": 2}]

    def test_what_is_sold_out_only_once_lines_are_summed(self, customer: Any) -> None:
        scarce = on_sale(stock=3)
        line = {"product_id": str(scarce), "quantity": 2}

        refused(place(customer, body({scarce: 4}, lines=[line, line])), 409, "sold_out")

    def test_another_total_than_expected_telling_the_real_one(
        self, customer: Any, lamp: uuid.UUID
    ) -> None:
        answer = place(customer, body({lamp: 1}, expected_total=euros(1499)))

        assert refused(answer, 409, "total_changed")["total"] == euros(1500)

    def test_an_expected_total_in_another_currency(self, customer: Any, lamp: uuid.UUID) -> None:
        asked = body({lamp: 1}, expected_total={"amount": 1500, "currency": "SEK"})

        refused(place(customer, asked), 409, "total_changed")

    def test_products_in_two_currencies(self, customer: Any, lamp: uuid.UUID) -> None:
        dollars = on_sale(price=Money(amount=1, currency="USD"))

        refused(place(customer, body({lamp: 1, dollars: 1})), 409, "mixed_currencies")

    def test_a_quote_in_another_currency(self, customer: Any, lamp: uuid.UUID) -> None:
        asked = body({lamp: 1}, delivery_quote=quote({lamp: 1}, currency="USD"))

        refused(place(customer, asked), 409, "mixed_currencies")

    def test_a_total_that_no_payment_can_hold(self, customer: Any) -> None:
        dear = on_sale(price=Money(amount=10**12, currency="EUR"))

        refused(place(customer, body({dear: 1})), 422, "total_too_high")

    def test_a_quote_for_other_lines(self, customer: Any, lamp: uuid.UUID, rug: uuid.UUID) -> None:
        for lines in ({lamp: 2}, {rug: 1}, {lamp: 1, rug: 1}):
            asked = body({lamp: 1}, delivery_quote=quote(lines))
            refused(place(customer, asked), 422, "quote_mismatch")

    def test_a_quote_for_another_country(self, customer: Any, lamp: uuid.UUID) -> None:
        asked = body({lamp: 1}, delivery_quote=quote({lamp: 1}, country="NO", amount=0))

        refused(place(customer, asked), 422, "quote_mismatch")

    def test_a_forged_quote(self, customer: Any, lamp: uuid.UUID) -> None:
        value = {"country": "SE", "lines": [[str(lamp), 1]], "amount": 0, "currency": "EUR"}
        later = NOON + dt.timedelta(minutes=1)
        other_purpose = sign(value, purpose="discount", expires_at=later)
        for forged in (quote({lamp: 1})[:-1] + "x", other_purpose, "not signed"):
            asked = body({lamp: 1}, delivery_quote=forged)
            refused(place(customer, asked), 422, "invalid_signature")

    def test_a_quote_that_has_expired(
        self, customer: Any, client_for: Callable[..., APIClient], lamp: uuid.UUID
    ) -> None:
        asked = body({lamp: 1})
        with time_machine.travel(NOON + dt.timedelta(minutes=30), tick=False):
            refused(place(client_for(), asked), 422, "expired_signature")

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"lines": []}, "lines"),
            ({"lines": [{"product_id": str(new_id()), "quantity": 1}] * 101}, "lines"),
            ({"lines": [{"product_id": str(new_id()), "quantity": 0}]}, "lines.0.quantity"),
            ({"lines": [{"product_id": str(new_id()), "quantity": 1000}]}, "lines.0.quantity"),
            ({"lines": [{"product_id": "lamp", "quantity": 1}]}, "lines.0.product_id"),
            (
                {"lines": [{"product_id": str(new_id()), "quantity": 1, "unit_price": 1}]},
                "lines.0.unit_price",
            ),
            ({"total": 1}, "total"),
            ({"payment_token": ""}, "payment_token"),
            ({"payment_token": "t" * 201}, "payment_token"),
            ({"delivery_quote": "q" * 10_001}, "delivery_quote"),
            ({"expected_total": {"amount": -1, "currency": "EUR"}}, "expected_total.amount"),
            ({"address": None}, "address"),
            ({"address": {**ADDRESS, "country": "XX"}}, "address.country"),
            ({"address": {**ADDRESS, "phone_number": "12"}}, "address.phone_number"),
            ({"address": {**ADDRESS, "name": "a\0"}}, "address.name"),
            ({"address": {**ADDRESS, "planet": "Mars"}}, "address.planet"),
        ],
    )
    def test_a_body_with_a_wrong_field_naming_it(
        self, customer: Any, lamp: uuid.UUID, change: dict[str, Any], field: str
    ) -> None:
        problem = refused(place(customer, body({lamp: 1}, **change)), 400, "invalid")

        assert [error["field"] for error in problem["errors"]] == [field]
