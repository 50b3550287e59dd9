"""The last line: what the database refuses, whoever asks; and the order's number."""

from __future__ import annotations

import copy
import uuid
from typing import Any

import pytest
from django.db import IntegrityError, connection

from apps.orders.models import CatalogueItem, Order, OrderLine, StockItem, TimelineEntry
from apps.orders.models.number import ALPHABET, is_number, new_number
from kernel.ids import new_id
from kernel.transactions import savepoint, transaction
from tests.orders.scenes import Scene


def refused(rows: Any, **values: Any) -> bool:
    with transaction(), pytest.raises(IntegrityError), savepoint():
        rows.update(**values)
    return True


@pytest.mark.parametrize(
    "values",
    [
        {"state": "LOST"},
        {"total": 499},
        {"delivery_price": -1},
        {"version": 0},
        {"number": "0000-0000-0000"},
        {"state": "CANCELLED"},
        {"state": "CANCELLING"},
        {"cancel_reason": "requested"},
        {"cancel_requested_by": "staff"},
        {"customer_id": None},
        {"person_id": uuid.UUID(int=1)},
        {"email": "ann@example.com"},
    ],
    ids=str,
)
def test_an_order_must_make_sense(scene: Scene, values: dict[str, Any]) -> None:
    assert refused(Order.objects.filter(id=scene.id), **values)


@pytest.mark.parametrize(
    "values", [{"ordered_quantity": 0}, {"quantity": 99}, {"unit_price": -1}], ids=str
)
def test_a_line_must_make_sense(scene: Scene, values: dict[str, Any]) -> None:
    assert refused(OrderLine.objects.filter(order=scene.id), **values)


def test_a_product_stands_in_an_order_once(scene: Scene) -> None:
    assert refused(OrderLine.objects.filter(order=scene.id), product_id=scene.lamp)


def test_replicas_must_make_sense(scene: Scene) -> None:
    assert refused(CatalogueItem.objects.filter(product_id=scene.lamp), price=-1)
    assert refused(CatalogueItem.objects.filter(product_id=scene.lamp), is_deleted=True)
    assert refused(StockItem.objects.filter(product_id=scene.lamp), free=-1)


def test_the_timeline_only_grows(scene: Scene) -> None:
    rows = TimelineEntry.objects.filter(order=scene.id)
    assert refused(rows, what="paid")
    with transaction(), pytest.raises(IntegrityError), savepoint():
        rows.delete()


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            "customer_id = '00000000-0000-0000-0000-000000000001' ORDER BY id DESC",
            "orders_order_customer",
        ),
        ("state = 'PLACED' ORDER BY id DESC", "orders_order_by_state"),
        ("placed_at < now() ORDER BY placed_at DESC, id DESC", "orders_order_placed"),
        ("state = 'PLACED' AND deadline <= now() ORDER BY deadline", "orders_order_deadline"),
    ],
)
def test_a_list_has_its_index(scene: Scene, query: str, index: str) -> None:
    order = Order.objects.get(id=scene.id)
    others = [copy.copy(order) for _ in range(500)]  # enough for another index to cost more
    for other in others:
        other.id, other.number, other.customer_id = new_id(), new_number(), new_id()
        other.person_id = other.customer_id
        other.state = Order.State.FULFILLED
    Order.objects.bulk_create(others)
    with transaction(), connection.cursor() as cursor:
        cursor.execute("ANALYZE orders_order")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN SELECT id FROM orders_order WHERE {query} LIMIT 10")
        assert index in str(cursor.fetchall())


class TestANumber:
    def test_is_known_by_its_check_character(self) -> None:
        numbers = {new_number() for _ in range(1000)}

        assert len(numbers) == 1000
        assert all(map(is_number, numbers))

    def test_with_one_wrong_character_is_none(self) -> None:
        number = new_number()
        wrong = [
            number[:place] + char + number[place + 1 :]
            for place in range(len(number))
            if number[place] != "-"
            for char in ALPHABET
            if char != number[place]
        ]

        assert not any(map(is_number, wrong))

    def test_with_two_characters_that_changed_places_is_none(self) -> None:
        plain = list(new_number().replace("-", ""))
        for first in range(11):
            for second in range(first):
                if plain[first] != plain[second]:
                    swapped = plain.copy()
                    swapped[first], swapped[second] = plain[second], plain[first]
                    assert not is_number("".join(swapped))

    @pytest.mark.parametrize("text", ["", "7K3M", "0O1I-LLLL-UUUU", "x" * 5000])
    def test_is_not_just_any_text(self, text: str) -> None:
        assert not is_number(text)
