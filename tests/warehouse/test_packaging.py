"""Packing: staff start, correct quantities and complete."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from apps.warehouse.events import (
    PackageCreated,
    PackagingFailed,
    PackagingStarted,
    StockLevelChanged,
    StockLine,
    StockReleased,
)
from apps.warehouse.models import Movement
from kernel.bus.testing import published
from kernel.ids import new_id
from tests.warehouse import scenes

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client_for: Callable[..., Any]) -> Any:
    return client_for("warehouse")


@pytest.fixture
def lamp() -> uuid.UUID:
    return scenes.stocked(10, code="LAMP")


@pytest.fixture
def chair() -> uuid.UUID:
    return scenes.stocked(10, code="CHAIR")


@pytest.fixture
def order_id(lamp: uuid.UUID, chair: uuid.UUID) -> uuid.UUID:
    order_id = new_id()
    scenes.tell(scenes.placed(order_id, {lamp: 3, chair: 2}), scenes.confirmed(order_id))
    return order_id


def test_a_confirmed_order_shows_its_lines(
    staff: Any, order_id: uuid.UUID, lamp: uuid.UUID, chair: uuid.UUID
) -> None:
    body = staff.get(scenes.url(order_id)).json()

    assert body == {
        "order_id": str(order_id),
        "state": "NEW",
        "lines": [
            {
                "product_id": str(lamp),
                "code": "LAMP",
                "name": "Lamp",
                "ordered": 3,
                "packed": 0,
            },
            {
                "product_id": str(chair),
                "code": "CHAIR",
                "name": "Lamp",
                "ordered": 2,
                "packed": 0,
            },
        ],
        "confirmed_at": body["confirmed_at"],
        "started_at": None,
        "finished_at": None,
        "version": 3,
    }


def test_an_etag_saves_the_answer(staff: Any, order_id: uuid.UUID) -> None:
    etag = staff.get(scenes.url(order_id)).headers["ETag"]

    assert staff.get(scenes.url(order_id), headers={"If-None-Match": etag}).status_code == 304


def test_starting_counts_every_line_as_packed_in_full(staff: Any, order_id: uuid.UUID) -> None:
    answer = staff.post(scenes.url(order_id, "/start"))
    body = answer.json()

    assert (answer.status_code, body["state"], answer.headers["ETag"]) == (
        200,
        "IN_PROGRESS",
        '"v4"',
    )
    assert [line["packed"] for line in body["lines"]] == [3, 2]
    assert [type(event) for event in scenes.said()][-1:] == [PackagingStarted]


def test_the_same_key_starts_once(staff: Any, order_id: uuid.UUID) -> None:
    key = {"Idempotency-Key": "start-1"}
    first = staff.post(scenes.url(order_id, "/start"), headers=key)
    again = staff.post(scenes.url(order_id, "/start"), headers=key)

    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(published(PackagingStarted)) == 1


class TestCompleting:
    def test_takes_what_was_packed_off_the_shelf(
        self, staff: Any, order_id: uuid.UUID, lamp: uuid.UUID, chair: uuid.UUID
    ) -> None:
        staff.post(scenes.url(order_id, "/start"))
        answer = staff.post(scenes.url(order_id, "/complete"))

        assert (answer.status_code, answer.json()["state"]) == (200, "COMPLETED")
        [package] = published(PackageCreated)
        assert package == PackageCreated(
            occurred_at=package.occurred_at,
            order_id=order_id,
            lines=(
                StockLine(product_id=lamp, quantity=3),
                StockLine(product_id=chair, quantity=2),
            ),
        )
        assert (scenes.shelf(lamp), scenes.shelf(chair)) == ((7, 0), (8, 0))
        entries = Movement.objects.filter(order_id=order_id).order_by("delta")
        assert list(entries.values_list("product_id", "delta", "kind", "actor")) == [
            (lamp, -3, "PACKED", f"staff:{staff.user_id}"),
            (chair, -2, "PACKED", f"staff:{staff.user_id}"),
        ]
        scenes.assert_the_books_agree()

    def test_tells_only_what_is_really_in_the_package(
        self, staff: Any, order_id: uuid.UUID, lamp: uuid.UUID, chair: uuid.UUID
    ) -> None:
        staff.post(scenes.url(order_id, "/start"))
        assert scenes.correct(staff, order_id, lamp, 1).status_code == 200
        assert scenes.correct(staff, order_id, chair, 0).status_code == 200
        before = len(published())
        staff.post(scenes.url(order_id, "/complete"))

        package, *levels = published()[before:]
        assert package.model_dump()["lines"] == ({"product_id": lamp, "quantity": 1},)
        assert {
            level.product_id: (level.on_hand, level.reserved, level.free)
            for level in levels
            if isinstance(level, StockLevelChanged)
        } == {lamp: (9, 0, 9), chair: (10, 0, 10)}
        scenes.assert_the_books_agree()

    def test_an_empty_package_fails_and_the_goods_wait_for_the_order(
        self, staff: Any, order_id: uuid.UUID, lamp: uuid.UUID, chair: uuid.UUID
    ) -> None:
        staff.post(scenes.url(order_id, "/start"))
        scenes.correct(staff, order_id, lamp, 0)
        scenes.correct(staff, order_id, chair, 0)
        answer = staff.post(scenes.url(order_id, "/complete"))

        assert (answer.status_code, answer.json()["state"]) == (200, "FAILED")
        assert [type(event) for event in scenes.said()][-2:] == [PackagingStarted, PackagingFailed]
        assert (scenes.shelf(lamp), scenes.shelf(chair)) == ((10, 3), (10, 2))

        scenes.tell(scenes.failed(order_id))
        assert (scenes.shelf(lamp), scenes.shelf(chair)) == ((10, 0), (10, 0))
        scenes.assert_the_books_agree()

    @pytest.mark.parametrize("end", [scenes.cancelled, scenes.failed])
    def test_is_undone_when_the_order_ends_without_delivery(
        self, staff: Any, order_id: uuid.UUID, lamp: uuid.UUID, chair: uuid.UUID, end: Any
    ) -> None:
        staff.post(scenes.url(order_id, "/start"))
        scenes.correct(staff, order_id, lamp, 1)
        scenes.correct(staff, order_id, chair, 0)
        staff.post(scenes.url(order_id, "/complete"))
        said = scenes.tell(end(order_id))

        assert (scenes.shelf(lamp), scenes.shelf(chair)) == ((10, 0), (10, 0))
        assert said[0] == StockReleased(
            occurred_at=said[0].occurred_at,
            order_id=order_id,
            lines=(StockLine(product_id=lamp, quantity=1),),
        )
        entries = Movement.objects.filter(order_id=order_id).order_by("id")
        assert list(entries.values_list("delta", "kind")) == [(-1, "PACKED"), (1, "RETURNED")]
        scenes.assert_the_books_agree()


class TestCorrecting:
    def test_demands_the_etag(self, staff: Any, order_id: uuid.UUID, lamp: uuid.UUID) -> None:
        staff.post(scenes.url(order_id, "/start"))
        line = scenes.url(order_id, f"/lines/{lamp}")
        without = staff.patch(line, {"quantity": 1})
        stale = staff.patch(line, {"quantity": 1}, headers={"If-Match": '"v3"'})

        assert (without.status_code, without.json()["code"]) == (428, "precondition_required")
        assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
        assert [line["packed"] for line in staff.get(scenes.url(order_id)).json()["lines"]] == [
            3,
            2,
        ]

    def test_is_refused_beyond_what_was_ordered(
        self, staff: Any, order_id: uuid.UUID, lamp: uuid.UUID
    ) -> None:
        staff.post(scenes.url(order_id, "/start"))
        answer = scenes.correct(staff, order_id, lamp, 4)

        assert (answer.status_code, answer.json()["code"]) == (422, "quantity_too_high")
        assert answer.json()["ordered"] == 3
        assert staff.get(scenes.url(order_id)).json()["version"] == 4

    def test_is_refused_for_a_product_that_was_not_ordered(
        self, staff: Any, order_id: uuid.UUID
    ) -> None:
        staff.post(scenes.url(order_id, "/start"))
        answer = scenes.correct(staff, order_id, new_id(), 1)

        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_line")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"quantity": -1}, "quantity"),
            ({"quantity": "x"}, "quantity"),
            ({}, "quantity"),
            ({"quantity": 1, "packed": 1}, "packed"),
        ],
    )
    def test_names_the_field_that_is_wrong(
        self,
        staff: Any,
        order_id: uuid.UUID,
        lamp: uuid.UUID,
        body: dict[str, Any],
        field: str,
    ) -> None:
        answer = staff.patch(scenes.url(order_id, f"/lines/{lamp}"), body)

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_the_list_is_filtered_and_paged(staff: Any, order_id: uuid.UUID, lamp: uuid.UUID) -> None:
    later = new_id()
    scenes.tell(scenes.placed(later, {lamp: 1}), scenes.confirmed(later))
    staff.post(scenes.url(order_id, "/start"))

    def listed(query: str) -> list[str]:
        answer = staff.get(f"/api/v1/warehouse/packaging-requests{query}")
        return [row["order_id"] for row in answer.json()["results"]]

    assert listed("?state=new") == [str(later)]
    assert listed("?state=in_progress") == [str(order_id)]
    assert listed("") == [str(order_id), str(later)]
    first = staff.get("/api/v1/warehouse/packaging-requests?limit=1").json()
    second = staff.get(first["next"]).json()
    assert [row["order_id"] for row in first["results"] + second["results"]] == [
        str(order_id),
        str(later),
    ]
    assert second["next"] is None
    assert staff.get("/api/v1/warehouse/packaging-requests?state=odd").status_code == 400


def test_the_list_costs_the_same_for_one_and_for_many(
    staff: Any, lamp: uuid.UUID, chair: uuid.UUID, django_assert_num_queries: Any
) -> None:
    for count in (1, 4):
        for _ in range(count):
            order_id = new_id()
            scenes.tell(scenes.placed(order_id, {lamp: 1, chair: 1}), scenes.confirmed(order_id))
        with django_assert_num_queries(2):
            assert staff.get("/api/v1/warehouse/packaging-requests").status_code == 200


def test_only_the_warehouse_may_ask(
    client_for: Callable[..., Any], anyone: Any, order_id: uuid.UUID
) -> None:
    paths = [
        ("get", "/api/v1/warehouse/stock"),
        ("get", "/api/v1/warehouse/packaging-requests"),
        ("get", scenes.url(order_id)),
        ("post", scenes.url(order_id, "/start")),
        ("post", scenes.url(order_id, "/complete")),
        ("patch", scenes.url(order_id, f"/lines/{new_id()}")),
        ("post", f"/api/v1/warehouse/stock/{new_id()}/adjustments"),
    ]
    for method, path in paths:
        assert getattr(anyone, method)(path).status_code == 401
        assert getattr(client_for(), method)(path).status_code == 403
        assert getattr(client_for("delivery"), method)(path).status_code == 403
    assert client_for("admin").get(scenes.url(order_id)).status_code == 200
