"""Carts under many hands at once, on real threads with real connections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.orders.events import OrderPlaced
from apps.orders.models import Cart, Order
from kernel.bus.testing import published
from tests.orders.baskets import Basket, Product
from tests.test_oversell import on_threads

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 20


@pytest.fixture
def customer(client_for: Callable[..., APIClient]) -> Basket:
    return Basket(client_for())


def statuses(answers: list[Any]) -> Counter[tuple[int, str]]:
    return Counter((a.status_code, a.json().get("code", "")) for a in answers)


@pytest.mark.parametrize("is_guest", [True, False], ids=["guest", "customer"])
def test_a_cart_that_many_order_at_once_is_one_order(customer: Basket, is_guest: bool) -> None:
    basket = Basket.of_guest() if is_guest else customer
    basket.put(Product(stock=1000))
    body = basket.order_body(**({"email": "ann@example.com"} if is_guest else {}))
    answers = on_threads([lambda: basket.order(body)] * MANY, threads=MANY)

    assert statuses(answers) == {(201, ""): 1, (409, "cart_ordered"): MANY - 1}
    order = Order.objects.get()
    named = {a.json().get("order_id") or a.json()["id"] for a in answers}
    assert named == {str(order.id)}
    assert len(published(OrderPlaced)) == 1


def test_a_guests_cart_that_is_merged_many_times_at_once_is_merged_once(customer: Basket) -> None:
    guest, lamp, rug = Basket.of_guest(), Product(code="LAMP"), Product(code="RUG")
    guest.put(lamp, 2)
    guest.put(rug, 3)
    customer.put(lamp, 1)
    answers = on_threads([lambda: customer.merge(guest)] * MANY, threads=MANY)

    assert statuses(answers) == {(200, ""): MANY}
    assert customer.lines == {str(lamp.id): 3, str(rug.id): 3}


def test_products_put_in_at_once_are_all_in_one_cart(customer: Basket) -> None:
    products = [Product(code=f"P-{number}") for number in range(MANY)]
    tasks = [lambda p=product: customer.put(p) for product in products]

    assert statuses(on_threads(tasks, threads=MANY)) == {(200, ""): MANY}
    assert Cart.objects.count() == 1
    assert customer.lines == {str(product.id): 1 for product in products}


def test_of_many_who_saw_the_same_version_one_changes_it(customer: Basket) -> None:
    lamp = Product()
    headers = {"If-Match": customer.get()["ETag"]}
    tasks = [lambda n=number: customer.put(lamp, n, **headers) for number in range(1, MANY + 1)]

    assert statuses(on_threads(tasks, threads=MANY)) == {
        (200, ""): 1,
        (412, "precondition_failed"): MANY - 1,
    }


def test_a_cart_that_is_ordered_and_merged_into_at_once_loses_nothing(customer: Basket) -> None:
    guest, lamp, rug = Basket.of_guest(), Product(code="LAMP"), Product(code="RUG")
    customer.put(lamp)
    guest.put(rug)
    body = customer.order_body()
    tasks = [lambda: customer.order(body), lambda: customer.merge(guest)]
    ordered, merged = on_threads(tasks, threads=2)

    assert merged.status_code == 200
    # Either the cart was ordered first, and the rug lies in a new one; or the quote no longer fits.
    if ordered.status_code == 201:
        assert customer.lines == {str(rug.id): 1}
    else:
        assert ordered.json()["code"] == "quote_mismatch"
        assert customer.lines == {str(lamp.id): 1, str(rug.id): 1}
