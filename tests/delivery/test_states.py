"""Every cell of the shipment's table, driven through events and the API."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from apps.delivery.events import (
    AddressChangeRefused,
    DeliveryCompleted,
    DeliveryFailed,
    ShipmentCancelled,
    ShipmentCreated,
    ShipmentStarted,
)
from apps.delivery.models import SHIPMENT, Shipment
from kernel.bus.event import Event
from kernel.bus.testing import published, twice_and_shuffled
from kernel.ids import new_id
from tests.delivery import scenes
from tests.delivery.scenes import COTTAGE, HOME, WORK

pytestmark = pytest.mark.django_db

SAID: dict[tuple[str, str], list[type[Event]]] = {
    ("AWAITED", "package"): [ShipmentCreated],
    ("NEW", "cancel_asked"): [ShipmentCancelled],
    ("NEW", "start"): [ShipmentStarted],
    ("IN_PROGRESS", "complete"): [DeliveryCompleted],
    ("IN_PROGRESS", "fail"): [DeliveryFailed],
    **{
        (state, "address"): [AddressChangeRefused]
        for state in ("IN_PROGRESS", "COMPLETED", "FAILED")
    },
}


class Scene:
    """One order, of which nothing is known at first."""

    def __init__(self, staff: Any) -> None:
        self.staff, self.order_id, self.status, self.version = staff, new_id(), 0, 1

    def state(self) -> str:
        found = scenes.row(self.order_id)
        return found["state"] if found else "AWAITED"

    def do(self, *acts: str) -> None:
        for act in acts:
            getattr(self, act)()

    def placed(self) -> None:
        scenes.tell(scenes.placed(self.order_id))

    def address(self) -> None:
        self.version += 1
        scenes.tell(scenes.modified(self.order_id, WORK, version=self.version))

    def package(self) -> None:
        scenes.tell(scenes.packed(self.order_id))

    def cancel_asked(self) -> None:
        scenes.tell(scenes.cancel_asked(self.order_id))

    def cancelled(self) -> None:
        scenes.tell(scenes.cancelled(self.order_id))

    def failed(self) -> None:
        scenes.tell(scenes.failed(self.order_id))

    def start(self) -> None:
        self._post("/start")

    def complete(self) -> None:
        self._post("/complete")

    def fail(self) -> None:
        self._post("/fail", {"reason": "nobody at home"})

    def _post(self, rest: str, body: Any = None) -> None:
        self.status = self.staff.post(scenes.url(self.order_id, rest), body).status_code


WAY: dict[str, list[str]] = {
    "AWAITED": [],
    "NEW": ["placed", "package"],
    "IN_PROGRESS": ["placed", "package", "start"],
    "COMPLETED": ["placed", "package", "start", "complete"],
    "FAILED": ["placed", "package", "start", "fail"],
    "CANCELLED": ["placed", "package", "cancel_asked"],
}


@pytest.fixture
def scene(client_for: Callable[..., Any]) -> Scene:
    return Scene(client_for("delivery"))


@pytest.mark.parametrize("event", SHIPMENT.events)
@pytest.mark.parametrize("state", SHIPMENT.rows)
def test_a_cell_does_what_the_table_says(scene: Scene, state: str, event: str) -> None:
    scene.do(*WAY[state])
    assert scene.state() == state
    before, row = len(published()), scenes.row(scene.order_id)
    scene.do(event)
    cell = SHIPMENT.cell(state, event)
    answers = [one for one in published()[before:] if one.name.startswith("delivery.")]

    assert scene.state() == (state if cell.is_remembered else cell.to or state)
    assert [type(one) for one in answers] == SAID.get((state, event), [])
    if event in {"start", "complete", "fail"}:
        assert (scene.status in {404, 409}) == cell.is_refused
    if cell.to is None and event != "address" and state != "AWAITED":
        assert scenes.row(scene.order_id) == row


class TestAPackage:
    def test_becomes_a_shipment(self, scene: Scene) -> None:
        scene.do("placed", "package")
        [created] = published(ShipmentCreated)
        shipment = Shipment.objects.get()

        assert created == ShipmentCreated(
            occurred_at=created.occurred_at,
            order_id=scene.order_id,
            shipment_id=shipment.id,
            tracking_number=shipment.tracking_number,
        )
        assert scene.staff.get(scenes.url(scene.order_id)).json()["lines"] == [
            {"product_id": str(scenes.PRODUCT_ID), "quantity": 2}
        ]

    def test_may_come_before_the_order_and_waits_for_the_address(self, scene: Scene) -> None:
        scene.do("package")
        before = len(published())
        answer = scene.staff.post(scenes.url(scene.order_id, "/start"))

        assert (answer.status_code, answer.json()["code"]) == (409, "address_missing")
        assert len(published()) == before
        scene.do("placed", "start")
        assert scene.state() == "IN_PROGRESS"

    def test_is_stopped_at_once_if_someone_asked_before_it_came(self, scene: Scene) -> None:
        scene.do("placed", "cancel_asked")
        assert scenes.said() == []
        scene.do("package")

        assert scene.state() == "CANCELLED"
        assert [type(event) for event in scenes.said()] == [ShipmentCancelled]

    def test_that_never_comes_says_nothing(self, scene: Scene) -> None:
        scene.do("placed", "cancel_asked", "cancelled")

        assert scene.state() == "CANCELLED"
        assert scenes.said() == []

    @pytest.mark.parametrize("state", ["AWAITED", "CANCELLED"])
    def test_that_has_not_come_is_not_shown(self, scene: Scene, state: str) -> None:
        scene.do("placed", *(["cancelled"] if state == "CANCELLED" else []))
        assert scene.state() == state
        answer = scene.staff.get(scenes.url(scene.order_id))

        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_shipment")
        listed = scene.staff.get("/api/v1/delivery/shipments").json()
        assert listed == {"results": [], "next": None}

    @pytest.mark.parametrize("seed", range(8))
    def test_ends_right_whichever_way_the_events_fall(self, scene: Scene, seed: int) -> None:
        gone, never, stays = new_id(), new_id(), scene.order_id
        scenes.tell(
            scenes.placed(gone),
            scenes.packed(gone),
            scenes.cancel_asked(gone),
            scenes.placed(never),
            scenes.cancel_asked(never),
            scenes.cancelled(never),
            scenes.placed(stays),
            scenes.modified(stays, WORK, version=2),
            scenes.packed(stays),
            scenes.modified(stays, COTTAGE, version=3),
            courier=twice_and_shuffled(seed),
        )

        states = dict(Shipment.objects.values_list("order_id", "state"))
        assert states == {gone: "CANCELLED", never: "CANCELLED", stays: "NEW"}
        assert [event.subject for event in published(ShipmentCancelled)] == [gone]
        assert Shipment.objects.get(order_id=stays).shipped_to == COTTAGE


class TestAnAddress:
    def shipped_to(self, scene: Scene) -> Any:
        return Shipment.objects.get(order_id=scene.order_id).shipped_to

    def test_is_the_newest_until_the_shipment_starts(self, scene: Scene) -> None:
        scene.do("package")
        scenes.tell(scenes.modified(scene.order_id, COTTAGE, version=3))
        scenes.tell(scenes.modified(scene.order_id, WORK, version=2))
        scenes.tell(scenes.placed(scene.order_id, HOME))
        assert self.shipped_to(scene) == COTTAGE
        scene.do("start")

        [started] = published(ShipmentStarted)
        assert started == ShipmentStarted(
            occurred_at=started.occurred_at,
            order_id=scene.order_id,
            shipment_id=Shipment.objects.get().id,
            person_id=scene.order_id,
            tracking_number=Shipment.objects.get().tracking_number,
            address=COTTAGE,
        )

    def test_that_comes_too_late_is_refused_with_the_one_it_goes_to(self, scene: Scene) -> None:
        scene.do("placed", "package", "start")
        said = scenes.tell(scenes.modified(scene.order_id, WORK, version=2))

        assert said == [
            AddressChangeRefused(
                occurred_at=said[0].occurred_at,
                order_id=scene.order_id,
                person_id=scene.order_id,
                shipped_to=HOME,
            )
        ]
        assert self.shipped_to(scene) == HOME

    def test_is_refused_once_even_if_it_is_said_again(self, scene: Scene) -> None:
        scene.do("placed", "package", "start")
        change = scenes.modified(scene.order_id, WORK, version=3)
        scenes.tell(change)

        assert scenes.tell(change) == []
        assert scenes.tell(scenes.modified(scene.order_id, COTTAGE, version=2)) == []

    def test_that_it_goes_to_anyway_is_not_refused(self, scene: Scene) -> None:
        scene.do("placed", "package", "start")

        assert scenes.tell(scenes.modified(scene.order_id, HOME, version=2)) == []

    def test_beside_changed_lines_is_not_refused(self, scene: Scene) -> None:
        scene.do("placed", "package", "start")
        change = scenes.modified(scene.order_id, WORK, version=2, changed=("lines", "total"))

        assert scenes.tell(change) == []
        assert self.shipped_to(scene) == HOME

    def test_of_someone_who_was_erased_is_missing(self, scene: Scene) -> None:
        scenes.tell(scenes.placed(scene.order_id, None), scenes.packed(scene.order_id))
        answer = scene.staff.post(scenes.url(scene.order_id, "/start"))

        assert (answer.status_code, answer.json()["code"]) == (409, "address_missing")


def test_an_unknown_order_is_not_found(scene: Scene) -> None:
    answer = scene.staff.post(scenes.url(uuid.UUID(int=1), "/start"))

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_shipment")
