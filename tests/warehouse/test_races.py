"""Many at once, in real threads with connections of their own."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier

import pytest
from django.db import connection

from apps.warehouse import usecases
from apps.warehouse.events import (
    PackageCreated,
    PackagingCancelled,
    StockLine,
    StockReserved,
    StockShort,
)
from apps.warehouse.models import PackagingNotAllowed, PackagingRequest
from kernel.bus import inbox
from kernel.bus.envelope import Envelope
from kernel.bus.event import Event
from kernel.bus.outbox import publish
from kernel.bus.testing import envelopes, published
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.warehouse import scenes

pytestmark = pytest.mark.django_db(transaction=True)
Act = Callable[[], object]


def at_once(*acts: Act) -> None:
    """Run each in a thread and connection of its own."""
    barrier = Barrier(len(acts))

    def run(act: Act) -> None:
        try:
            connection.ensure_connection()
            barrier.wait()
            act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        list(pool.map(run, acts))


def hearing(envelope: Envelope) -> Act:
    """Return the act of letting the warehouse hear an event."""

    def hear() -> None:
        assert inbox.deliver("warehouse", [envelope])

    return hear


def sent(*events: Event) -> list[Envelope]:
    with transaction():
        publish(*events)
    return envelopes()[-len(events) :]


def test_a_hundred_threads_get_exactly_the_ten_that_there_are() -> None:
    lamp = scenes.stocked(10)
    events = [scenes.placed(new_id(), {lamp: 1}) for _ in range(100)]
    at_once(*map(hearing, sent(*events)))

    said = Counter(type(event) for event in published(StockReserved, StockShort))
    assert said == {StockReserved: 10, StockShort: 90}
    assert scenes.shelf(lamp) == (10, 10)
    scenes.assert_the_books_agree()


def test_orders_with_their_lines_in_opposite_order_do_not_wait_for_each_other() -> None:
    one, two = scenes.stocked(40), scenes.stocked(40)
    orders = [
        scenes.placed(new_id(), [(one, 1), (two, 1)] if n % 2 else [(two, 1), (one, 1)])
        for n in range(40)
    ]
    at_once(*map(hearing, sent(*orders)))

    lines = {
        tuple(line.product_id for line in event.lines)
        for event in published(StockReserved)
        if isinstance(event, StockReserved)
    }
    assert lines == {tuple(sorted([one, two]))}
    assert (scenes.shelf(one), scenes.shelf(two)) == ((40, 40), (40, 40))


def test_the_same_order_heard_twice_at_once_is_reserved_once() -> None:
    lamp, order_id = scenes.stocked(10), new_id()
    event = scenes.placed(order_id, {lamp: 2})
    at_once(*map(hearing, sent(event, event, event, event) * 4))

    assert [
        event.lines for event in published(StockReserved) if isinstance(event, StockReserved)
    ] == [(StockLine(product_id=lamp, quantity=2),)]
    assert scenes.shelf(lamp) == (10, 2)


def test_completing_and_cancelling_at_once_have_one_winner() -> None:
    lamp = scenes.stocked(100)
    order_ids = [new_id() for _ in range(12)]
    for order_id in order_ids:
        scenes.tell(scenes.placed(order_id, {lamp: 1}), scenes.confirmed(order_id))
        with transaction():
            usecases.start_packaging(order_id=order_id, at=scenes.NOON)
        [request] = sent(scenes.cancel_asked(order_id))
        at_once(hearing(request), completing(order_id))

    states = dict(PackagingRequest.objects.values_list("order_id", "state"))
    winners = {
        **{event.subject: "COMPLETED" for event in published(PackageCreated)},
        **{event.subject: "CANCELLED" for event in published(PackagingCancelled)},
    }
    assert states == winners
    assert len(published(PackageCreated, PackagingCancelled)) == len(order_ids)
    scenes.assert_the_books_agree()


def completing(order_id: uuid.UUID) -> Act:
    """Return the act of completing a package; that it is too late is fine."""

    def complete() -> None:
        with suppress(PackagingNotAllowed), transaction():
            usecases.complete_packaging(order_id=order_id, actor="test", at=scenes.NOON)

    return complete
