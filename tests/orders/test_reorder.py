from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.orders.models import Cart
from kernel.ids import new_id
from tests.orders.baskets import Basket, Product, told
from tests.orders.scenes import ORDERS, body, on_sale

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., APIClient]


class Reordering:
    """A customer who once bought two lamps and a rug."""

    def __init__(self, client: APIClient) -> None:
        self.basket = Basket(client)
        self.lamp, self.rug = Product(price=1000, code="LAMP"), Product(price=700, code="RUG")
        answer = client.post(ORDERS, body({self.lamp.id: 2, self.rug.id: 1}))
        self.url = f"{ORDERS}/{answer.json()['id']}/reorder"

    def again(self, client: APIClient | None = None, **headers: str) -> Any:
        return (client or self.basket.client).post(self.url, headers=headers)


@pytest.fixture
def scene(client_for: ClientFor) -> Reordering:
    return Reordering(client_for())


def test_the_cart_has_what_the_order_had(scene: Reordering) -> None:
    answer = scene.again()

    assert (answer.status_code, told(answer)) == (200, [])
    assert scene.basket.lines == {str(scene.lamp.id): 2, str(scene.rug.id): 1}
    assert answer.json() == scene.basket.get().json()


def test_another_price_is_told(scene: Reordering) -> None:
    scene.lamp.costs(1100)

    assert told(scene.again()) == [("price_changed", 1000, 1100)]


def test_what_is_gone_is_told_and_left_out(scene: Reordering) -> None:
    scene.lamp.is_deleted()
    answer = scene.again()

    (change,) = answer.json()["changes"]
    assert (change["product_id"], change["kind"]) == (str(scene.lamp.id), "gone")
    assert change["old"]["unit_price"] == {"amount": 1000, "currency": "EUR"}
    assert scene.basket.lines == {str(scene.rug.id): 1}


def test_what_is_sold_out_is_told_and_put_in(scene: Reordering) -> None:
    scene.lamp.has(0)

    assert told(scene.again()) == [("sold_out", None, 0)]
    assert len(scene.basket.lines) == 2


def test_more_than_the_cart_has_already_is_put_in_but_never_less(scene: Reordering) -> None:
    scene.basket.put(scene.lamp, 5)
    scene.again()
    scene.again()  # an answer may be lost: twice is once

    assert scene.basket.lines == {str(scene.lamp.id): 5, str(scene.rug.id): 1}


def test_what_finds_no_place_is_told(scene: Reordering) -> None:
    for _ in range(99):
        scene.basket.put(on_sale())
    answer = scene.again()

    assert [kind for kind, *_ in told(answer)] == ["left_out"]
    assert len(answer.json()["lines"]) == 100


def test_a_key_brings_the_same_answer(scene: Reordering) -> None:
    first, second = (scene.again(**{"Idempotency-Key": "1"}) for _ in range(2))

    assert (second.json(), second["Idempotent-Replayed"]) == (first.json(), "true")


@pytest.mark.parametrize("role", ["", "support"])
def test_others_orders_are_not_found(scene: Reordering, client_for: ClientFor, role: str) -> None:
    answer = scene.again(client_for(*filter(None, [role])))

    assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")
    assert not Cart.objects.exists()


def test_orders_that_are_none_are_not_found(scene: Reordering) -> None:
    answer: Any = scene.basket.client.post(f"{ORDERS}/{new_id()}/reorder")

    assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")


def test_it_needs_a_login(scene: Reordering, anyone: APIClient) -> None:
    assert scene.again(anyone).status_code == 401
