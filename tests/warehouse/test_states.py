"""Every cell of the packaging request's table, driven through events and the API."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from apps.warehouse.events import (
    PackageCreated,
    PackagingCancelled,
    PackagingFailed,
    PackagingStarted,
    StockLevelChanged,
    StockReleased,
    StockReserved,
    StockShort,
)
from apps.warehouse.models import PACKAGING, PackagingRequest
from kernel.bus.event import Event
from kernel.bus.testing import published
from kernel.ids import new_id
from tests.warehouse import scenes

pytestmark = pytest.mark.django_db

FREED = [StockReleased, StockLevelChanged]
SAID: dict[tuple[str, str], list[type[Event]]] = {
    ("UNKNOWN", "placed"): [StockReserved, StockLevelChanged],
    ("UNKNOWN", "short"): [StockShort],
    **{
        (state, "cancel_asked"): [PackagingCancelled]
        for state in ("UNKNOWN", "RESERVED", "NEW", "IN_PROGRESS")
    },
    **{
        (state, event): FREED
        for state in ("RESERVED", "NEW", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED")
        for event in ("cancelled", "failed")
    },
    ("NEW", "start"): [PackagingStarted],
    ("IN_PROGRESS", "complete"): [PackageCreated, StockLevelChanged],
    ("IN_PROGRESS", "complete_empty"): [PackagingFailed],
}


class Scene:
    """One order of two lamps, of which five are in stock."""

    def __init__(self, staff: Any) -> None:
        self.staff, self.order_id = staff, new_id()
        self.product_id, self.missing = scenes.stocked(5), scenes.stocked(0, code="SOLD-OUT")
        self.status = 0

    def row(self) -> dict[str, Any] | None:
        return PackagingRequest.objects.filter(order_id=self.order_id).values().first()

    def state(self) -> str:
        row = self.row()
        return row["state"] if row else "UNKNOWN"

    def do(self, act: str) -> None:
        getattr(self, act)()

    def placed(self) -> None:
        scenes.tell(scenes.placed(self.order_id, {self.product_id: 2}))

    def short(self) -> None:
        scenes.tell(scenes.placed(self.order_id, {self.missing: 1}))

    def confirmed(self) -> None:
        scenes.tell(scenes.confirmed(self.order_id))

    def cancel_asked(self) -> None:
        scenes.tell(scenes.cancel_asked(self.order_id))

    def cancelled(self) -> None:
        scenes.tell(scenes.cancelled(self.order_id))

    def failed(self) -> None:
        scenes.tell(scenes.failed(self.order_id))

    def start(self) -> None:
        self._post("/start")

    def correct(self, quantity: int = 1) -> None:
        answer = scenes.correct(self.staff, self.order_id, self.product_id, quantity)
        self.status = answer.status_code

    def complete(self) -> None:
        self._post("/complete")

    def complete_empty(self) -> None:
        if self.state() == "IN_PROGRESS":
            self.correct(0)
        self._post("/complete")

    def _post(self, rest: str) -> None:
        self.status = self.staff.post(scenes.url(self.order_id, rest)).status_code


WAY: dict[str, list[str]] = {
    "UNKNOWN": [],
    "RESERVED": ["placed"],
    "SHORT": ["short"],
    "NEW": ["placed", "confirmed"],
    "IN_PROGRESS": ["placed", "confirmed", "start"],
    "COMPLETED": ["placed", "confirmed", "start", "complete"],
    "FAILED": ["placed", "confirmed", "start", "complete_empty"],
    "CANCELLED": ["placed", "confirmed", "cancel_asked"],
}


@pytest.fixture
def scene(client_for: Callable[..., Any]) -> Scene:
    return Scene(client_for("warehouse"))


@pytest.mark.parametrize("event", PACKAGING.events)
@pytest.mark.parametrize("state", PACKAGING.rows)
def test_a_cell_does_what_the_table_says(scene: Scene, state: str, event: str) -> None:
    for act in WAY[state]:
        scene.do(act)
    assert scene.state() == state
    before, row = len(published()), scene.row()
    scene.do(event)
    cell = PACKAGING.cell(state, event)
    answers = [one for one in published()[before:] if one.name.startswith("warehouse.")]

    assert scene.state() == (state if cell.is_remembered else cell.to or state)
    assert [type(one) for one in answers] == SAID.get((state, event), [])
    if event in {"start", "correct", "complete", "complete_empty"}:
        assert (scene.status in {404, 409}) == cell.is_refused
    if cell.is_refused or (cell.to is None and state != "UNKNOWN"):
        assert scene.row() == row
    scenes.assert_the_books_agree()


@pytest.mark.parametrize("state", ["UNKNOWN", "RESERVED", "SHORT"])
def test_what_is_not_confirmed_is_not_shown_to_staff(scene: Scene, state: str) -> None:
    for act in WAY[state]:
        scene.do(act)
    answer = scene.staff.get(scenes.url(scene.order_id))

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_packaging_request")
    listed = scene.staff.get("/api/v1/warehouse/packaging-requests").json()
    assert listed == {"results": [], "next": None}


def test_a_confirmation_that_comes_first_is_remembered(scene: Scene) -> None:
    scene.do("confirmed")
    scene.do("placed")

    assert scene.state() == "NEW"
    assert scenes.shelf(scene.product_id) == (5, 2)


def test_a_cancellation_that_comes_before_the_order_leaves_the_stock_alone(scene: Scene) -> None:
    scene.do("cancelled")
    scene.do("placed")

    assert scene.state() == "CANCELLED"
    assert scenes.shelf(scene.product_id) == (5, 0)
    assert scenes.said() == []


def test_a_request_that_overtakes_the_confirmation_is_answered_at_once(scene: Scene) -> None:
    scene.do("placed")
    scene.do("cancel_asked")
    scene.do("confirmed")

    assert scene.state() == "CANCELLED"
    assert [type(event) for event in scenes.said()] == [StockReserved, PackagingCancelled]


def test_goods_are_freed_once_however_the_order_ends(scene: Scene) -> None:
    for act in ("placed", "confirmed", "cancel_asked", "cancelled", "cancelled", "failed"):
        scene.do(act)

    assert scenes.shelf(scene.product_id) == (5, 0)
    assert [type(event) for event in scenes.said()].count(StockReleased) == 1


def test_an_unknown_order_is_not_found(scene: Scene) -> None:
    answer = scene.staff.post(scenes.url(uuid.UUID(int=1), "/start"))

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_packaging_request")
