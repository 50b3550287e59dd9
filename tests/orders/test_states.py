"""Each cell of the state table, through HTTP and the real handlers."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine

from apps.orders import jobs
from apps.orders.events import (
    OrderCancellationRequested,
    OrderCancelled,
    OrderConfirmed,
    OrderFailed,
    OrderFulfilled,
    OrderPackaged,
    OrderShipped,
)
from apps.orders.models import ORDER
from apps.orders.models.states import ASKS, WAITS_FOR
from kernel.address import Address
from tests.orders.scenes import ADDRESS, ELSEWHERE, NOON, Scene

CONFIRMED = ("StockReserved", "PaymentAuthorized")
WAYS = {
    "PLACED": (),
    "CONFIRMED": CONFIRMED,
    "PACKAGED": (*CONFIRMED, "PackageCreated"),
    "SHIPPED": (*CONFIRMED, "PackageCreated", "ShipmentStarted"),
    "FULFILLED": (*CONFIRMED, "PackageCreated", "DeliveryCompleted"),
    "CANCELLING": (*CONFIRMED, "customer cancels"),
    "CANCELLED": ("StockShort",),
    "PACKAGING_FAILED": (*CONFIRMED, "PackagingFailed"),
    "DELIVERY_FAILED": (*CONFIRMED, "PackageCreated", "DeliveryFailed"),
}
TOLD = {
    "CONFIRMED": OrderConfirmed,
    "PACKAGED": OrderPackaged,
    "SHIPPED": OrderShipped,
    "FULFILLED": OrderFulfilled,
    "CANCELLING": OrderCancellationRequested,
    "CANCELLED": OrderCancelled,
    "PACKAGING_FAILED": OrderFailed,
    "DELIVERY_FAILED": OrderFailed,
}
CELLS = [(state, event) for state in ORDER.rows for event in ORDER.events]


def bring_to(scene: Scene, state: str) -> None:
    for step in WAYS[state]:
        do(scene, step)
    assert scene.order.state == state


def do(scene: Scene, event: str) -> int:
    """Let it happen, by the road on which it really comes; return the status if it was asked."""
    if event not in ASKS:
        scene.hear(event)
    elif event == "time is over":
        with time_machine.travel(NOON + dt.timedelta(minutes=16), tick=False):
            jobs.time_out_orders()
    else:
        return int(scene.ask(event).status_code)
    return 200


def cells(kind: str) -> list[tuple[str, str]]:
    def is_of(state: str, event: str) -> bool:
        cell = ORDER.cell(state, event)
        if cell.is_refused:
            return kind == "refuse"
        if cell.is_remembered:
            return kind == ("wait" if cell.to else "remember")
        return kind == ("go" if cell.to else "ignore")

    return [cell for cell in CELLS if is_of(*cell)]


def test_every_cell_is_tested() -> None:
    kinds = ("go", "wait", "remember", "ignore", "refuse")

    assert sorted(cell for kind in kinds for cell in cells(kind)) == sorted(CELLS)
    assert set(WAYS) == set(ORDER.rows)


@pytest.mark.parametrize(("state", "event"), cells("go"))
def test_a_cell_that_names_a_state_leads_there_and_tells(
    scene: Scene, state: str, event: str
) -> None:
    bring_to(scene, state)
    before, version = len(scene.said()), scene.order.version

    assert do(scene, event) == 200

    to = ORDER.cell(state, event).to
    assert to is not None
    [told] = scene.said()[before:]
    assert scene.order.state == to
    assert isinstance(told, TOLD[to])
    assert version < scene.order.version == told.version


@pytest.mark.parametrize(("state", "event"), cells("wait"))
def test_a_cell_that_waits_leads_on_once_all_is_there(scene: Scene, state: str, event: str) -> None:
    bring_to(scene, state)
    to = ORDER.cell(state, event).to
    assert to is not None
    missing = sorted(WAITS_FOR[to] - set(scene.order.heard) - {event})

    do(scene, event)
    if missing:
        assert scene.order.state == state
        assert event in scene.order.heard
        scene.hear(*missing)

    assert scene.order.state == to
    assert isinstance(scene.said()[-1], TOLD[to])


@pytest.mark.parametrize(("state", "event"), cells("remember"))
def test_a_cell_that_remembers_keeps_the_fact_and_the_state(
    scene: Scene, state: str, event: str
) -> None:
    bring_to(scene, state)
    row = scene.row

    assert do(scene, event) == 200

    assert scene.row != row
    assert scene.order.state == state


@pytest.mark.parametrize(("state", "event"), cells("ignore"))
def test_a_cell_that_ignores_changes_and_tells_nothing(
    scene: Scene, state: str, event: str
) -> None:
    bring_to(scene, state)
    row, said = scene.row, scene.said()

    do(scene, event)

    assert scene.row == row
    assert scene.said() == said


@pytest.mark.parametrize(("state", "event"), cells("refuse"))
def test_a_cell_that_refuses_says_so_and_changes_nothing(
    scene: Scene, state: str, event: str
) -> None:
    bring_to(scene, state)
    row, said = scene.row, scene.said()

    assert do(scene, event) == 409

    assert scene.row == row
    assert scene.said() == said


@pytest.mark.parametrize(
    ("early", "state"),
    [
        ("PackagingFailed", "PACKAGING_FAILED"),
        ("PackageCreated", "PACKAGED"),
        ("ShipmentStarted", "SHIPPED"),
        ("DeliveryFailed", "DELIVERY_FAILED"),
    ],
)
def test_what_a_placed_order_remembers_it_uses_once_confirmed(
    scene: Scene, early: str, state: str
) -> None:
    scene.hear(early, *CONFIRMED)

    assert scene.order.state == state
    assert [type(event) for event in scene.said()[-2:]] == [OrderConfirmed, TOLD[state]]


class TestAShipmentThatIsHeardOfLate:
    def test_tells_where_a_fulfilled_order_went(self, scene: Scene) -> None:
        scene.hear(*CONFIRMED, "PackageCreated", "DeliveryCompleted")
        assert (scene.order.state, scene.order.tracking_number) == ("FULFILLED", "")

        scene.hear("ShipmentStarted")

        assert (scene.order.state, scene.order.tracking_number) == ("FULFILLED", "T-1")
        assert not [event for event in scene.said() if isinstance(event, OrderShipped)]

    def test_puts_the_address_back_that_the_package_was_sent_to(self, scene: Scene) -> None:
        bring_to(scene, "CONFIRMED")
        do(scene, "address changes")
        assert scene.order.destination == Address(**ELSEWHERE)

        scene.hear("ShipmentStarted")

        assert scene.order.destination == Address(**ADDRESS)
