"""Staff and customers at once, in real threads with connections of their own."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Barrier

import pytest
from django.db import connection

from apps.delivery import usecases
from apps.delivery.events import ShipmentCancelled, ShipmentStarted
from apps.delivery.models import Shipment, ShipmentNotAllowed
from kernel.bus.testing import published
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.delivery import scenes

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*acts: Callable[[], None]) -> None:
    """Run each in a thread and connection of its own."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[], None]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait()
            with suppress(ShipmentNotAllowed), transaction():
                act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        list(pool.map(run, acts))


def race(order_id: uuid.UUID) -> None:
    at_once(
        lambda: usecases.start_shipment(order_id=order_id, at=scenes.NOON),
        lambda: usecases.stop_shipment(order_id=order_id, at=scenes.NOON),
    )


def test_starting_and_cancelling_at_once_have_one_winner() -> None:
    order_ids = [new_id() for _ in range(12)]
    for order_id in order_ids:
        scenes.tell(scenes.placed(order_id), scenes.packed(order_id))
        race(order_id)

    winners = {
        **{event.subject: "IN_PROGRESS" for event in published(ShipmentStarted)},
        **{event.subject: "CANCELLED" for event in published(ShipmentCancelled)},
    }
    assert dict(Shipment.objects.values_list("order_id", "state")) == winners
    assert len(published(ShipmentStarted, ShipmentCancelled)) == len(order_ids)


def test_a_shipment_that_ends_while_its_receiver_is_erased_is_forgotten() -> None:
    order_ids = [new_id() for _ in range(12)]
    for order_id in order_ids:
        scenes.tell(scenes.placed(order_id), scenes.packed(order_id))
        with transaction():
            usecases.start_shipment(order_id=order_id, at=scenes.NOON)
        at_once(
            partial(usecases.complete_shipment, order_id=order_id, at=scenes.NOON),
            partial(usecases.forget_person, person_id=order_id, at=scenes.NOON),
        )

    assert set(Shipment.objects.values_list("state", "address")) == {("COMPLETED", None)}
