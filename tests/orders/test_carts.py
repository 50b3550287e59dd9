"""Carts: what is put in, what it costs today, what is told of it, and the order it becomes."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from apps.orders import jobs
from apps.orders.events import OrderPlaced, PersonalDataGathered
from apps.orders.models import Cart, CartLine, Coupon, Order
from apps.users.events import ExportRequested, UserErased
from kernel.bus.testing import published
from kernel.ids import new_id
from kernel.signing import sign
from tests.orders.baskets import CART, Basket, Product, euros, told
from tests.orders.scenes import NOON, on_sale, quote, tell

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., APIClient]
EMAIL = "ann@example.com"


@pytest.fixture
def lamp() -> Product:
    return Product(price=1000, stock=10, code="LAMP")


@pytest.fixture
def rug() -> Product:
    return Product(price=700, stock=10, code="RUG")


@pytest.fixture
def customer(client_for: ClientFor) -> Basket:
    return Basket(client_for())


@pytest.fixture(params=["customer", "guest"])
def basket(request: pytest.FixtureRequest, client_for: ClientFor) -> Basket:
    return Basket(client_for()) if request.param == "customer" else Basket.of_guest()


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


class TestACart:
    def test_is_empty_before_anything_is_put_in_and_nothing_is_stored(self, basket: Basket) -> None:
        answer = basket.get()

        assert answer.status_code == 200
        assert answer.json() == {
            "id": answer.json()["id"],
            "lines": [],
            "changes": [],
            "country": None,
            "coupon": None,
            "coupon_problem": None,
            "subtotal": euros(0),
            "discounts": [],
            "tax_lines": [],
            "prices_include_tax": True,
            "total": euros(0),
            "currency": "EUR",
            "version": 0,
        }
        assert not Cart.objects.exists()

    def test_is_answered_whole(self, basket: Basket, lamp: Product, rug: Product) -> None:
        basket.put(lamp, 2)
        answer = basket.put(rug, 11)

        line = {"quantity": 2, "is_available": True, "free": 10, "discount": euros(0)}
        assert answer.status_code == 200
        assert answer.json() == {
            "id": answer.json()["id"],
            "lines": [
                {
                    **line,
                    "product_id": str(lamp.id),
                    "code": "LAMP",
                    "name": "Lamp",
                    "unit_price": euros(1000),
                    "price": euros(2000),
                    "tax": euros(0),
                },
                {
                    **line,
                    "product_id": str(rug.id),
                    "code": "RUG",
                    "name": "Rug",
                    "quantity": 11,
                    "is_available": False,
                    "unit_price": euros(700),
                    "price": euros(7700),
                    "tax": euros(0),
                },
            ],
            "changes": [],
            "country": None,
            "coupon": None,
            "coupon_problem": None,
            "subtotal": euros(9700),
            "discounts": [],
            "tax_lines": [],
            "prices_include_tax": True,
            "total": euros(9700),
            "currency": "EUR",
            "version": answer.json()["version"],
        }
        assert basket.get().json() == answer.json()
        assert basket.get()["ETag"] == answer["ETag"]

    def test_has_a_countrys_taxes(self, basket: Basket, lamp: Product) -> None:
        basket.put(lamp, 2)
        cart = basket.get("?country=se").json()

        (tax,) = cart["tax_lines"]
        assert (cart["country"], tax["rate_percent"], tax["amount"]) == ("SE", "25", euros(400))
        assert (cart["lines"][0]["tax"], cart["total"]) == (euros(400), euros(2000))

    def test_takes_a_quantity_for_what_it_is(self, basket: Basket, lamp: Product) -> None:
        for quantity in (3, 3, 1):
            basket.put(lamp, quantity)

        assert basket.lines == {str(lamp.id): 1}

    def test_is_emptied_line_by_line_or_at_once(
        self, basket: Basket, lamp: Product, rug: Product
    ) -> None:
        basket.put(lamp)
        basket.put(rug)
        assert [line["code"] for line in basket.remove(lamp).json()["lines"]] == ["RUG"]
        assert basket.remove(lamp).status_code == 200  # twice is once
        basket.coupon("WELCOME")

        emptied = basket.empty().json()
        assert (emptied["lines"], emptied["coupon"]) == ([], None)
        assert not CartLine.objects.exists()

    def test_is_emptied_before_it_is_there(self, basket: Basket, lamp: Product) -> None:
        coupon = basket.client.delete(f"{CART}/coupon")
        answers = [basket.empty(), basket.remove(lamp), coupon]

        assert [answer.status_code for answer in answers] == [200] * 3
        assert not Cart.objects.exists()

    def test_is_its_holders_alone(
        self, basket: Basket, lamp: Product, client_for: ClientFor
    ) -> None:
        basket.put(lamp)

        for other in (Basket.of_guest(), Basket(client_for()), Basket(client_for("support"))):
            assert other.lines == {}
            other.empty()
        assert basket.lines == {str(lamp.id): 1}

    @pytest.mark.parametrize("count", [1, 100])
    def test_costs_the_same_queries_for_one_line_and_a_hundred(
        self, basket: Basket, count: int, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for _ in range(count):
            basket.put(on_sale())

        with django_assert_num_queries(4 + 2):  # cart, lines, products, taxes; the transaction
            assert len(basket.get("?country=SE").json()["lines"]) == count

    def test_begins_without_a_query_of_its_own(
        self, anyone: APIClient, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(1 + 2):
            assert anyone.post(CART).status_code == 201
        assert not Cart.objects.exists()


class TestRefuses:
    @pytest.mark.parametrize("quantity", [0, -1, 1000, "one", None, 1.5])
    def test_a_quantity_that_is_none(self, basket: Basket, lamp: Product, quantity: Any) -> None:
        answer = basket.put(lamp, quantity)

        assert answer.json()["errors"][0]["field"] == "quantity"
        assert not Cart.objects.exists()

    def test_what_is_not_for_sale(self, basket: Basket, lamp: Product) -> None:
        hidden, unknown = on_sale(is_active=False), new_id()
        basket.put(lamp)
        for product in (hidden, unknown):
            answer = basket.put(product)
            assert code(answer) == (422, "unknown_product")
            assert answer.json()["products"] == [str(product)]
        assert basket.lines == {str(lamp.id): 1}

    def test_more_than_a_hundred_products(self, basket: Basket, lamp: Product) -> None:
        for _ in range(99):
            basket.put(on_sale())
        assert basket.put(lamp).status_code == 200

        assert code(basket.put(on_sale())) == (409, "cart_full")
        assert basket.put(lamp, 2).status_code == 200
        assert len(basket.lines) == 100

    def test_two_currencies_and_more_than_can_be_paid(self, basket: Basket, lamp: Product) -> None:
        basket.put(lamp)
        dollars, dear = Product(code="USD"), Product(code="DEAR")
        dollars.costs(1, "USD")
        dear.costs(10**12)

        assert code(basket.put(dollars)) == (409, "mixed_currencies")
        assert code(basket.put(dear, 2)) == (422, "total_too_high")
        assert basket.lines == {str(lamp.id): 1}

    @pytest.mark.parametrize("country", ["XX", "Sweden", "s"])
    def test_a_country_that_is_none(self, basket: Basket, country: str) -> None:
        answer = basket.get(f"?country={country}")

        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "country"

    def test_who_says_not_whose_cart_it_is(self, anyone: APIClient, lamp: Product) -> None:
        nobody = Basket(anyone)
        answers = [nobody.get(), nobody.put(lamp), nobody.empty(), nobody.order({})]

        assert [code(answer) for answer in answers] == [(401, "not_authenticated")] * 4

    def test_a_token_that_was_not_made_here(self, basket: Basket) -> None:
        later = NOON + dt.timedelta(days=1)
        link = sign({"guest": str(new_id())}, purpose="order-link", expires_at=later)
        for forged in ("", "x", link):
            thief = Basket(APIClient(headers={"Cart-Token": forged}))
            assert code(thief.get()) == (401, "cart_token_not_valid")

    def test_a_token_that_is_a_year_old(self) -> None:
        guest = Basket.of_guest()
        with time_machine.travel(NOON + dt.timedelta(days=365), tick=False):
            assert code(guest.get()) == (401, "cart_token_expired")

    def test_a_login_that_is_not_good_whatever_the_token(self) -> None:
        headers = {"Cart-Token": Basket.of_guest().token, "Authorization": "Bearer x"}

        assert code(APIClient(headers=headers).get(CART)) == (401, "token_not_valid")


class TestAToken:
    def test_names_a_guests_cart_and_is_made_anew(self, lamp: Product) -> None:
        guest = Basket.of_guest()
        guest.put(lamp)
        with time_machine.travel(NOON + dt.timedelta(days=300), tick=False):
            answer = guest.client.post(CART)

        body = answer.json()
        assert (answer.status_code, len(body["lines"])) == (201, 1)
        assert body["token"] != guest.token
        renewed = Basket(APIClient(headers={"Cart-Token": body["token"]}))
        with time_machine.travel(NOON + dt.timedelta(days=400), tick=False):
            assert renewed.lines == {str(lamp.id): 1}
        assert "token" not in guest.get().json()

    def test_is_not_for_customers(self, customer: Basket) -> None:
        answer = customer.client.post(CART)

        assert answer.status_code == 201
        assert "token" not in answer.json()

    def test_yields_to_a_login(self, client_for: ClientFor, lamp: Product) -> None:
        guest, customer = Basket.of_guest(), Basket(client_for())
        guest.put(lamp)

        both = customer.client.get(CART, headers={"Cart-Token": guest.token})
        assert both.json()["lines"] == []


class TestVersions:
    def test_are_honoured_when_they_are_sent(self, basket: Basket, lamp: Product) -> None:
        tag = basket.get()["ETag"]
        assert basket.put(lamp, 2, **{"If-Match": tag}).status_code == 200
        stale = {"If-Match": tag}
        answers = [
            basket.put(lamp, 3, **stale),
            basket.remove(lamp, **stale),
            basket.empty(**stale),
            basket.coupon("WELCOME", **stale),
            basket.client.delete(f"{CART}/coupon", headers=stale),
            basket.order(basket.order_body(email=EMAIL) if basket.token else None, **stale),
        ]

        assert [code(answer) for answer in answers] == [(412, "precondition_failed")] * 6
        assert basket.lines == {str(lamp.id): 2}
        assert published(OrderPlaced) == []

    def test_grow_only_by_what_changes(self, basket: Basket, lamp: Product) -> None:
        basket.put(lamp, 2)
        first = basket.get()
        basket.put(lamp, 2)

        assert basket.get(**{"If-None-Match": first["ETag"]}).status_code == 304
        basket.put(lamp, 3)
        assert basket.get(**{"If-None-Match": first["ETag"]}).status_code == 200

    def test_of_a_cart_and_of_the_next_one_are_never_the_same(
        self, customer: Basket, lamp: Product
    ) -> None:
        customer.put(lamp)
        tag = customer.get()["ETag"]
        assert customer.order().status_code == 201
        customer.put(lamp)

        assert code(customer.put(lamp, 5, **{"If-Match": tag})) == (412, "precondition_failed")

    def test_show_prices_too(self, basket: Basket, lamp: Product) -> None:
        basket.put(lamp)
        tag = basket.get()["ETag"]
        lamp.costs(1100)

        assert basket.get(**{"If-None-Match": tag}).status_code == 200


class TestChanges:
    def test_tell_another_price(self, basket: Basket, lamp: Product) -> None:
        basket.put(lamp, 2)
        lamp.costs(1100)

        answer = basket.get().json()
        assert answer["changes"] == [
            {
                "product_id": str(lamp.id),
                "kind": "price_changed",
                "old": {"unit_price": euros(1000), "free": 10},
                "new": {"unit_price": euros(1100), "free": 10},
            }
        ]
        assert answer["total"] == euros(2200)

    def test_tell_what_can_be_had(self, basket: Basket, lamp: Product) -> None:
        basket.put(lamp, 5)
        assert basket.changes == []
        lamp.has(6)  # still enough
        assert basket.changes == []
        lamp.has(4)
        assert basket.changes == [("less_available", 10, 4)]
        lamp.has(0)
        assert basket.changes == [("sold_out", 10, 0)]
        assert basket.get().json()["lines"][0]["is_available"] is False
        self.acknowledge(basket)
        assert basket.changes == []
        lamp.has(2)
        assert basket.changes == [("available_again", 0, 2)]
        self.acknowledge(basket)
        lamp.has(5)
        assert basket.changes == [("available_again", 2, 5)]

    def test_tell_what_is_gone_and_what_comes_back(self, basket: Basket, lamp: Product) -> None:
        basket.put(lamp, 2)
        lamp.costs(1000, is_active=False)

        cart = basket.get().json()
        assert told(basket.get()) == [("gone", 10, None)]
        (line,) = cart["lines"]
        assert (line["name"], line["unit_price"], line["price"]) == ("Lamp", None, None)
        assert (line["is_available"], line["free"], cart["total"]) == (False, 0, euros(0))

        self.acknowledge(basket)
        lamp.costs(1200)
        assert basket.changes == [("available_again", None, 10)]

    def test_are_told_until_an_answer_that_tells_them_comes_back(
        self, basket: Basket, lamp: Product
    ) -> None:
        basket.put(lamp)
        lamp.costs(1100)
        lost = basket.get()  # or fetched ahead, and never looked at
        assert told(lost) == [("price_changed", 1000, 1100)]
        lamp.costs(1200)
        late = basket.get(**{"If-None-Match": lost["ETag"]})
        assert told(late) == [("price_changed", 1000, 1200)]
        assert basket.changes == [("price_changed", 1000, 1200)]

        shown = basket.get(**{"If-None-Match": f'"x", {late["ETag"]}'})
        assert (shown.status_code, shown.content) == (304, b"")
        assert basket.changes == []
        assert basket.get(**{"If-None-Match": late["ETag"]}).status_code == 200

    def test_are_not_forgotten_by_another_write(
        self, basket: Basket, lamp: Product, rug: Product
    ) -> None:
        basket.put(lamp)
        lamp.costs(1100)

        assert told(basket.put(lamp, 3)) == [("price_changed", 1000, 1100)]
        assert told(basket.put(rug)) == [("price_changed", 1000, 1100)]

    def test_tell_nothing_of_what_the_holder_did(self, basket: Basket, lamp: Product) -> None:
        basket.put(lamp, 5)

        answer = basket.put(lamp, 11)
        assert (told(answer), answer.json()["lines"][0]["is_available"]) == ([], False)
        assert told(basket.put(lamp, 2)) == []

    def test_are_not_noted_by_who_holds_another_answer(self, basket: Basket, lamp: Product) -> None:
        basket.put(lamp)
        lamp.costs(1100)
        tag = basket.get("?country=SE")["ETag"]

        assert basket.get(**{"If-None-Match": tag}).status_code == 200
        assert len(basket.changes) == 1

    def acknowledge(self, basket: Basket) -> None:
        tag = basket.get()["ETag"]
        assert basket.get(**{"If-None-Match": tag}).status_code == 304


class TestACoupon:
    def coupon(self, **fields: Any) -> None:
        values = {"code": "TEN", "kind": "percent", "percent": 10, "valid_from": NOON, **fields}
        Coupon.objects.create(**values)

    def test_takes_something_off(self, basket: Basket, lamp: Product) -> None:
        self.coupon()
        basket.put(lamp, 2)
        cart = basket.coupon("ten").json()

        assert (cart["coupon"], cart["coupon_problem"]) == ("ten", None)
        assert cart["discounts"] == [{"code": "TEN", "amount": euros(200)}]
        assert (cart["lines"][0]["discount"], cart["total"]) == (euros(200), euros(1800))
        without = basket.client.delete(f"{CART}/coupon").json()
        assert (without["coupon"], without["total"]) == (None, euros(2000))

    def test_that_cannot_be_used_stays_and_says_why(self, basket: Basket, lamp: Product) -> None:
        self.coupon(minimum=3000, currency="EUR")
        basket.put(lamp, 2)
        cart = basket.coupon("TEN").json()
        problem = cart["coupon_problem"]
        assert (cart["coupon"], problem) == ("TEN", "coupon_minimum_not_reached")
        assert cart["total"] == euros(2000)

        assert basket.put(lamp, 3).json()["total"] == euros(2700)
        assert basket.coupon("NEVER").json()["coupon_problem"] == "unknown_coupon"

    @pytest.mark.parametrize("value", ["", "x" * 41, None, 7.5, "a\0b"])
    def test_that_is_no_code_is_refused(self, basket: Basket, value: Any) -> None:
        answer = basket.coupon(value)

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert not Cart.objects.exists()


class TestOrdering:
    def ask(self, basket: Basket, **fields: Any) -> Any:
        return basket.order(
            basket.order_body(**({"email": EMAIL} if basket.token else {}), **fields)
        )

    def test_turns_the_cart_into_an_order(
        self, basket: Basket, lamp: Product, rug: Product
    ) -> None:
        basket.put(lamp, 2)
        basket.put(rug)
        answer = self.ask(basket, expected_total=euros(3200))

        order = answer.json()
        assert answer.status_code == 201, order
        assert [(line["code"], line["quantity"]) for line in order["lines"]] == [
            ("LAMP", 2),
            ("RUG", 1),
        ]
        assert answer["Location"] == f"/api/v1/orders/{order['id']}"
        assert (order["email"], "guest_link" in order) == (
            (EMAIL, True) if basket.token else (None, False)
        )
        (placed,) = published(OrderPlaced)
        assert placed.order_id_or_none == uuid.UUID(order["id"])
        assert Cart.objects.values_list("state", "order_id").get() == (
            "ORDERED",
            uuid.UUID(order["id"]),
        )

    def test_a_second_time_names_the_order_and_makes_no_other(
        self, basket: Basket, lamp: Product
    ) -> None:
        basket.put(lamp)
        body = basket.order_body(**({"email": EMAIL} if basket.token else {}))
        order = basket.order(body).json()
        again = basket.order(body)

        assert code(again) == (409, "cart_ordered")
        assert again.json()["order_id"] == order["id"]
        assert len(published(OrderPlaced)) == 1
        assert basket.lines == {}

    def test_with_a_key_brings_the_same_answer(self, basket: Basket, lamp: Product) -> None:
        basket.put(lamp)
        body = basket.order_body(**({"email": EMAIL} if basket.token else {}))
        first, second = (basket.order(body, **{"Idempotency-Key": "1"}) for _ in range(2))

        assert (second.status_code, second["Idempotent-Replayed"]) == (201, "true")
        assert first.json() == second.json()

    def test_lets_the_next_product_begin_a_new_cart(
        self, basket: Basket, lamp: Product, rug: Product
    ) -> None:
        basket.put(lamp)
        first = self.ask(basket).json()
        basket.put(rug)
        assert basket.lines == {str(rug.id): 1}
        second = self.ask(basket)

        assert (second.status_code, second.json()["id"] == first["id"]) == (201, False)
        assert len(published(OrderPlaced)) == 2

    def test_an_empty_cart_is_refused(self, basket: Basket, lamp: Product) -> None:
        body = {**basket.order_body(), "delivery_quote": quote({lamp.id: 1})}
        body |= {"email": EMAIL} if basket.token else {}
        assert code(basket.order(body)) == (409, "cart_empty")
        basket.put(lamp)
        basket.remove(lamp)

        assert code(basket.order(body)) == (409, "cart_empty")
        self.nothing_happened()

    def test_what_is_sold_out_is_refused_naming_it(self, basket: Basket, lamp: Product) -> None:
        basket.put(lamp, 3)
        lamp.has(2)
        answer = self.ask(basket)

        assert code(answer) == (409, "sold_out")
        assert answer.json()["products"] == [{"product_id": str(lamp.id), "wanted": 3, "free": 2}]
        self.nothing_happened()
        assert basket.lines == {str(lamp.id): 3}

    def test_what_is_gone_is_refused_naming_it(self, basket: Basket, lamp: Product) -> None:
        basket.put(lamp)
        lamp.is_deleted()
        answer = self.ask(basket)

        assert code(answer) == (422, "unknown_product")
        assert answer.json()["products"] == [str(lamp.id)]
        self.nothing_happened()

    def test_another_total_than_expected_is_refused(self, basket: Basket, lamp: Product) -> None:
        basket.put(lamp)
        lamp.costs(1100)
        answer = self.ask(basket, expected_total=euros(1500))

        assert (code(answer), answer.json()["total"]) == ((409, "total_changed"), euros(1600))
        self.nothing_happened()

    def test_a_coupon_that_cannot_be_used_is_refused(self, basket: Basket, lamp: Product) -> None:
        basket.put(lamp)
        basket.coupon("NEVER")

        assert code(self.ask(basket)) == (422, "unknown_coupon")
        self.nothing_happened()

    def test_a_quote_for_other_lines_is_refused(self, basket: Basket, lamp: Product) -> None:
        basket.put(lamp)

        wrong = self.ask(basket, delivery_quote=quote({lamp.id: 2}))
        assert code(wrong) == (422, "quote_mismatch")
        self.nothing_happened()

    def test_a_guest_without_an_address_and_a_customer_with_one_are_refused(
        self, basket: Basket, lamp: Product
    ) -> None:
        basket.put(lamp)
        asked = basket.order_body(**({} if basket.token else {"email": EMAIL}))
        answer = basket.order(asked)

        wanted = "required_of_guests" if basket.token else "not_for_customers"
        (error,) = answer.json()["errors"]
        assert (error["field"], error["code"]) == ("email", wanted)
        self.nothing_happened()

    def nothing_happened(self) -> None:
        assert not Order.objects.exists()
        assert not Cart.objects.exclude(state="OPEN").exists()
        assert published(OrderPlaced) == []


class TestMerging:
    def test_adds_the_guests_lines_and_closes_the_guests_cart(
        self, customer: Basket, lamp: Product, rug: Product
    ) -> None:
        guest = Basket.of_guest()
        guest.put(lamp, 2)
        guest.put(rug, 3)
        guest.coupon("TEN")
        customer.put(lamp, 4)
        cart = customer.merge(guest).json()

        assert customer.lines == {str(lamp.id): 6, str(rug.id): 3}
        assert (cart["coupon"], cart["changes"]) == ("TEN", [])
        assert guest.lines == {}
        assert set(Cart.objects.values_list("is_guest", "state")) == {
            (True, "MERGED"),
            (False, "OPEN"),
        }

    def test_twice_is_as_once(self, customer: Basket, lamp: Product) -> None:
        guest = Basket.of_guest()
        guest.put(lamp, 2)
        first, second = customer.merge(guest), customer.merge(guest)

        assert (first.status_code, first.json()) == (200, second.json())
        assert customer.lines == {str(lamp.id): 2}

    def test_ends_at_999_of_a_product(self, customer: Basket, lamp: Product) -> None:
        guest = Basket.of_guest()
        guest.put(lamp, 500)
        customer.put(lamp, 600)
        customer.merge(guest)

        assert customer.lines == {str(lamp.id): 999}

    def test_ends_at_a_hundred_products_and_tells_what_is_left_out(
        self, customer: Basket, lamp: Product, rug: Product
    ) -> None:
        guest = Basket.of_guest()
        for product in (lamp, rug):
            guest.put(product)
        for _ in range(99):
            customer.put(on_sale())
        answer = customer.merge(guest)

        assert [kind for kind, *_ in told(answer)] == ["left_out"]
        assert answer.json()["changes"][0]["product_id"] == str(rug.id)
        assert len(answer.json()["lines"]) == 100

    def test_keeps_what_the_guest_was_shown(self, customer: Basket, lamp: Product) -> None:
        guest = Basket.of_guest()
        guest.put(lamp)
        lamp.costs(1100)

        assert told(customer.merge(guest)) == [("price_changed", 1000, 1100)]

    def test_keeps_the_customers_coupon(self, customer: Basket, lamp: Product) -> None:
        guest = Basket.of_guest()
        guest.put(lamp)
        guest.coupon("THEIRS")
        customer.coupon("MINE")

        assert customer.merge(guest).json()["coupon"] == "MINE"

    def test_of_nothing_changes_nothing(self, customer: Basket, lamp: Product) -> None:
        customer.put(lamp)
        before = customer.get()
        ordered = Basket.of_guest()
        ordered.put(lamp)
        assert ordered.order(ordered.order_body(email=EMAIL)).status_code == 201

        for guest in (Basket.of_guest(), ordered):
            assert customer.merge(guest)["ETag"] == before["ETag"]

    @pytest.mark.parametrize("count", [2, 100])
    def test_costs_the_same_queries_for_two_lines_and_a_hundred(
        self, customer: Basket, count: int, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        products = [on_sale() for _ in range(count)]
        guest = Basket.of_guest()
        for product in products:
            guest.put(product)
        customer.put(products[0])

        with django_assert_num_queries(12):
            assert customer.merge(guest).status_code == 200
        assert len(customer.lines) == count

    def test_needs_a_login_and_a_guests_token(self, customer: Basket, lamp: Product) -> None:
        guest = Basket.of_guest()
        guest.put(lamp)

        assert code(guest.merge(guest)) == (401, "not_authenticated")
        missing = customer.client.post(f"{CART}/merge")
        assert code(missing) == (400, "cart_token_missing")
        forged = customer.client.post(f"{CART}/merge", headers={"Cart-Token": "x"})
        assert code(forged) == (401, "cart_token_not_valid")
        assert guest.lines == {str(lamp.id): 1}


class TestOldCarts:
    @pytest.mark.parametrize(
        ("days", "left"), [(29, {True, False}), (31, {False}), (179, {False}), (181, set())]
    )
    def test_are_pruned(
        self,
        customer: Basket,
        lamp: Product,
        days: int,
        left: set[bool],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(jobs, "BATCH", 1)
        for basket in (Basket.of_guest(), Basket.of_guest(), customer):
            basket.put(lamp)
        with time_machine.travel(NOON + dt.timedelta(days=days), tick=False):
            jobs.prune_carts()

        assert set(Cart.objects.values_list("is_guest", flat=True)) == left
        assert CartLine.objects.count() == Cart.objects.count()

    def test_are_begun_anew_with_the_same_token(self, lamp: Product) -> None:
        guest = Basket.of_guest()
        guest.put(lamp, 3)
        with time_machine.travel(NOON + dt.timedelta(days=31), tick=False):
            jobs.prune_carts()
            assert guest.lines == {}
            guest.put(lamp)
            assert guest.lines == {str(lamp.id): 1}


class TestAPerson:
    def user_id(self, basket: Basket) -> uuid.UUID:
        found: uuid.UUID = basket.client.user_id  # type: ignore[attr-defined]
        return found

    def erase(self, basket: Basket) -> None:
        tell(UserErased(occurred_at=NOON, user_id=self.user_id(basket), version=2))

    def test_who_is_erased_has_no_cart_and_begins_none(
        self, customer: Basket, client_for: ClientFor, lamp: Product
    ) -> None:
        other = Basket(client_for())
        for basket in (customer, other):
            basket.put(lamp)
            assert basket.order().status_code == 201
            basket.put(lamp)
        self.erase(customer)

        assert set(Cart.objects.values_list("holder_id", flat=True)) == {self.user_id(other)}
        assert code(customer.put(lamp)) == (403, "customer_erased")
        assert not Cart.objects.filter(holder_id=self.user_id(customer)).exists()

    def test_is_told_of_the_open_cart(self, customer: Basket, lamp: Product) -> None:
        customer.put(lamp)
        customer.order()
        customer.put(lamp, 3)
        tell(ExportRequested(occurred_at=NOON, export_id=new_id(), user_id=self.user_id(customer)))

        (gathered,) = published(PersonalDataGathered)
        assert isinstance(gathered, PersonalDataGathered)
        order, cart = gathered.rows or ()
        assert order["state"] == "PLACED"
        assert cart == {
            "id": str(Cart.objects.get(state="OPEN").id),
            "state": "CART",
            "changed_at": NOON.isoformat(),
            "coupon": "",
            "lines": [{"code": "LAMP", "name": "Lamp", "quantity": 3}],
        }


def test_staff_look_at_carts(admin_client: Any, customer: Basket, lamp: Product) -> None:
    customer.put(lamp, 3)
    cart = Cart.objects.get()
    for url in ("cart/", f"cart/{cart.id}/change/", "cartline/"):
        page = admin_client.get(f"/admin/orders/{url}")
        assert page.status_code == 200
    assert "LAMP" in page.content.decode()


def test_sold_out_goods_are_ordered_where_the_warehouse_alone_decides(
    customer: Basket, lamp: Product, settings: Settings
) -> None:
    settings.REFUSE_SOLD_OUT = False
    lamp.has(0)
    customer.put(lamp)

    assert customer.order().status_code == 201
