from __future__ import annotations

import datetime as dt

import pytest
import time_machine

from apps.orders import jobs
from apps.orders.events import OrderCancelled
from apps.orders.models import Order
from kernel.bus.jobs import all_jobs, run
from tests.orders.scenes import NOON, ORDERS, Scene, body

LATE = NOON + dt.timedelta(minutes=15)


def test_runs_every_minute() -> None:
    intervals = {job.name: job.interval for job in all_jobs()}

    assert intervals["orders.time_out_orders"] == dt.timedelta(minutes=1)


def test_an_order_that_nobody_answered_is_cancelled(scene: Scene) -> None:
    with time_machine.travel(LATE, tick=False):
        assert run("orders.time_out_orders")

    assert scene.said()[1:] == [
        OrderCancelled(occurred_at=LATE, order_id=scene.id, version=2, reason="timed_out")
    ]
    assert scene.timeline == ["placed", "cancelled"]


def test_an_order_has_its_whole_time(scene: Scene) -> None:
    with time_machine.travel(LATE - dt.timedelta(seconds=1), tick=False):
        jobs.time_out_orders()

    assert scene.order.state == "PLACED"


def test_an_order_that_was_confirmed_is_left_alone(scene: Scene) -> None:
    scene.hear("StockReserved", "PaymentAuthorized")
    said = scene.said()

    with time_machine.travel(LATE, tick=False):
        jobs.time_out_orders()

    assert (scene.order.state, scene.said()) == ("CONFIRMED", said)


def test_many_orders_are_worked_off_in_batches(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH", 2)
    for _ in range(4):
        assert scene.customer.post(ORDERS, body(scene.lines)).status_code == 201

    with time_machine.travel(LATE, tick=False):
        jobs.time_out_orders()

    assert set(Order.objects.values_list("state", "cancel_reason")) == {("CANCELLED", "timed_out")}
