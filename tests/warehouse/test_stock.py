"""The stock: adjusted by staff, named by the catalogue, counted in a ledger."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection

from apps.warehouse.events import StockLevelChanged
from apps.warehouse.models import Movement, Product, Stock
from kernel.bus.testing import published, twice_and_shuffled
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.warehouse import scenes

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client_for: Callable[..., Any]) -> Any:
    return client_for("warehouse")


def adjust(staff: Any, product_id: uuid.UUID, delta: Any, **headers: str) -> Any:
    url = f"/api/v1/warehouse/stock/{product_id}/adjustments"
    return staff.post(url, {"delta": delta, "reason": "counted"}, headers=headers)


class TestAnAdjustment:
    def test_changes_the_stock_and_enters_the_ledger(self, staff: Any) -> None:
        lamp = scenes.stocked()
        answer = adjust(staff, lamp, 5)

        assert (answer.status_code, answer.json()) == (
            201,
            {"product_id": str(lamp), "on_hand": 5, "reserved": 0, "free": 5, "version": 2},
        )
        [entry] = Movement.objects.filter(product_id=lamp)
        assert (entry.delta, entry.kind, entry.reason, entry.order_id, entry.actor) == (
            5,
            "ADJUSTED",
            "counted",
            None,
            f"staff:{staff.user_id}",
        )
        level = published(StockLevelChanged)[-1]
        assert level.model_dump(exclude={"occurred_at"}) == {
            "product_id": lamp,
            "version": 2,
            "on_hand": 5,
            "reserved": 0,
            "free": 5,
        }

    def test_is_refused_below_what_is_set_aside(self, staff: Any) -> None:
        lamp = scenes.stocked(5)
        scenes.tell(scenes.placed(new_id(), {lamp: 3}))
        before = len(published())
        answer = adjust(staff, lamp, -3)

        assert (answer.status_code, answer.json()["code"]) == (409, "stock_too_low")
        assert (answer.json()["on_hand"], answer.json()["reserved"]) == (5, 3)
        assert len(published()) == before
        assert scenes.shelf(lamp) == (5, 3)
        assert adjust(staff, lamp, -2).json()["on_hand"] == 3
        scenes.assert_the_books_agree()

    def test_is_refused_beyond_what_a_shelf_holds(self, staff: Any) -> None:
        lamp = scenes.stocked(1)
        with transaction():
            Stock.objects.filter(product_id=lamp).update(on_hand=1_000_000_000)
        answer = adjust(staff, lamp, 1)

        assert (answer.status_code, answer.json()["code"]) == (409, "stock_too_high")

    def test_is_refused_for_a_product_that_no_one_heard_of(self, staff: Any) -> None:
        answer = adjust(staff, new_id(), 1)

        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_product")
        assert published() == []

    def test_counts_once_for_one_key(self, staff: Any) -> None:
        lamp = scenes.stocked()
        first = adjust(staff, lamp, 5, **{"Idempotency-Key": "a"})
        again = adjust(staff, lamp, 5, **{"Idempotency-Key": "a"})

        assert again.json() == first.json()
        assert scenes.shelf(lamp) == (5, 0)

    @pytest.mark.parametrize("delta", [0, 1_000_001, -1_000_001, "many", None, 1.5])
    def test_wants_a_number_that_makes_sense(self, staff: Any, delta: Any) -> None:
        answer = adjust(staff, scenes.stocked(), delta)

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert [error["field"] for error in answer.json()["errors"]] == ["delta"]


class TestTheList:
    def test_shows_the_stock_by_product_and_code(self, staff: Any) -> None:
        lamp, _ = scenes.stocked(5, code="LAMP"), scenes.stocked(2, code="CHAIR")
        scenes.tell(scenes.placed(new_id(), {lamp: 1}))

        def listed(query: str = "") -> list[dict[str, Any]]:
            return staff.get(f"/api/v1/warehouse/stock{query}").json()["results"]  # type: ignore[no-any-return]

        row = {
            "product_id": str(lamp),
            "code": "LAMP",
            "name": "Lamp",
            "on_hand": 5,
            "reserved": 1,
            "free": 4,
            "version": 3,
        }
        assert listed(f"?product_id={lamp}") == [row]
        assert listed("?code=LAMP") == [row]
        assert [found["code"] for found in listed()] == ["LAMP", "CHAIR"]
        assert listed("?code=SOFA") == []
        assert staff.get("/api/v1/warehouse/stock?product_id=x").status_code == 400

    def test_leaves_out_what_is_gone_from_catalogue_and_shelf(self, staff: Any) -> None:
        gone, left = scenes.stocked(0, code="GONE"), scenes.stocked(2, code="LEFT")
        scenes.tell(scenes.deleted(gone, version=2), scenes.deleted(left, version=2))
        rows = staff.get("/api/v1/warehouse/stock").json()["results"]

        assert [(row["code"], row["on_hand"]) for row in rows] == [("LEFT", 2)]

    def test_costs_the_same_for_one_and_for_many(
        self, staff: Any, django_assert_num_queries: Any
    ) -> None:
        for count in (1, 30):
            for _ in range(count):
                scenes.stocked()
            with django_assert_num_queries(1):
                assert staff.get("/api/v1/warehouse/stock").status_code == 200


class TestTheReplica:
    def test_begins_to_count_a_new_product_at_zero(self) -> None:
        product_id = new_id()
        said = scenes.tell(scenes.created(product_id))

        assert [event.model_dump(exclude={"occurred_at"}) for event in said] == [
            {"product_id": product_id, "version": 1, "on_hand": 0, "reserved": 0, "free": 0}
        ]
        assert scenes.shelf(product_id) == (0, 0)

    @pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
    def test_holds_the_newest_whichever_way_the_events_fall(self, order: tuple[int, ...]) -> None:
        product_id = new_id()
        events = [
            scenes.created(product_id, version=1),
            scenes.updated(product_id, version=2, name="Tall lamp", code="LAMP-2"),
            scenes.updated(product_id, version=3, name="Taller lamp", code="LAMP-3"),
        ]
        for index in order:
            scenes.tell(events[index])

        assert Product.objects.values("code", "name", "version", "is_deleted").get() == {
            "code": "LAMP-3",
            "name": "Taller lamp",
            "version": 3,
            "is_deleted": False,
        }
        assert scenes.shelf(product_id) == (0, 0)

    @pytest.mark.parametrize("seed", range(4))
    def test_does_not_bring_back_what_was_deleted(self, seed: int) -> None:
        product_id = new_id()
        scenes.tell(
            scenes.created(product_id, version=1),
            scenes.updated(product_id, version=2, name="Tall lamp"),
            scenes.deleted(product_id, version=3),
            courier=twice_and_shuffled(seed),
        )

        assert Product.objects.values_list("version", "is_deleted").get() == (3, True)


class TestTheLedger:
    def test_cannot_be_changed(self) -> None:
        scenes.stocked(1)
        with pytest.raises(DatabaseError, match="append-only"), transaction():
            Movement.objects.update(delta=7)

    def test_cannot_be_shortened(self) -> None:
        scenes.stocked(1)
        with pytest.raises(DatabaseError, match="append-only"), transaction():
            Movement.objects.all().delete()

    @pytest.mark.parametrize(
        ("kind", "delta", "order_id"),
        [
            ("ADJUSTED", 0, None),
            ("ADJUSTED", 1, new_id()),
            ("PACKED", 1, new_id()),
            ("PACKED", -1, None),
            ("RETURNED", -1, new_id()),
            ("RETURNED", 1, None),
        ],
    )
    def test_takes_no_entry_that_makes_no_sense(
        self, kind: str, delta: int, order_id: uuid.UUID | None
    ) -> None:
        lamp = scenes.stocked()
        with pytest.raises(DatabaseError, match="movement_kind"), transaction():
            Movement.objects.create(
                product_id=lamp,
                delta=delta,
                kind=kind,
                order_id=order_id,
                actor="test",
                at=scenes.NOON,
            )


def test_the_lists_have_their_indexes() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'warehouse_%%'", [])
        found = " ".join(definition for (definition,) in cursor.fetchall())

    assert "(state, order_id)" in found
