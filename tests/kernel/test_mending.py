"""What is stuck is sent, or tried, once more; what is done or on its way is left alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from kernel.bus.mending import Mended, NothingToSend, NothingToTry, send_undone, try_again
from kernel.bus.models import Delivery, OutboxEvent, Subscription
from kernel.ids import new_id
from kernel.transactions import TransactionMissing, transaction
from tests.kernel.order_log import AUDIT, NOON, PACK, PAY, declared, fail, minutes, told

pytestmark = pytest.mark.django_db
LATER = NOON + minutes(60)


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    Subscription.objects.update(since=NOON - minutes(60))
    with declared():
        yield


@pytest.fixture
def order_id() -> uuid.UUID:
    return new_id()


def unsent() -> list[OutboxEvent]:
    return list(OutboxEvent.objects.filter(sent_at=None).order_by("sequence"))


def states() -> list[tuple[str, Any]]:
    return list(Delivery.objects.order_by("id").values_list("state", "updated_at"))


def send(order_id: uuid.UUID) -> Mended:
    with transaction():
        return send_undone(order_id=order_id, at=LATER)


def retry(*rows: Delivery) -> Mended:
    with transaction():
        return try_again(delivery_ids=[row.pk for row in rows], at=LATER)


def test_what_of_an_order_is_not_done_is_sent_again(order_id: uuid.UUID) -> None:
    told(order_id)
    waiting = told(order_id, taken=(AUDIT, PAY))
    failed = told(order_id, taken=(AUDIT, PAY))
    fail(failed, PACK)
    dead = told(order_id, taken=(AUDIT, PAY))
    fail(dead, PACK, "DEAD")
    fail(told(order_id, taken=(AUDIT, PAY)), PACK, "DISCARDED")
    told(new_id(), taken=())

    assert send(order_id) == Mended(redriven=1, sent=2)
    assert unsent() == [waiting, failed, dead]
    assert states() == [
        ("FAILED", NOON + minutes(1)),
        ("FAILED", LATER),
        ("DISCARDED", NOON + minutes(1)),
    ]


def test_an_order_whose_events_are_done_or_unsent_has_nothing_to_send(
    order_id: uuid.UUID,
) -> None:
    told(order_id)
    told(order_id, sent=False, taken=())

    with pytest.raises(NothingToSend):
        send(order_id)
    with pytest.raises(NothingToSend):
        send(new_id())


def test_what_is_dead_is_redriven_and_what_failed_is_tried_at_once(order_id: uuid.UUID) -> None:
    first, second, third = (told(order_id, taken=(AUDIT, PAY)) for _ in range(3))
    rows = fail(first, PACK, "DEAD"), fail(second, PACK), fail(third, PACK, "DISCARDED")

    assert retry(*rows) == Mended(redriven=1, sent=1)
    assert unsent() == [first, second]
    assert [state for state, _ in states()] == ["FAILED", "FAILED", "DISCARDED"]


@pytest.mark.parametrize("state", ["RECOVERED", "DISCARDED"])
def test_what_is_settled_is_not_tried_again(state: str, order_id: uuid.UUID) -> None:
    row = fail(told(order_id), PACK, state)

    with pytest.raises(NothingToTry):
        retry(row)
    assert unsent() == []


def test_mending_demands_a_transaction(order_id: uuid.UUID) -> None:
    with pytest.raises(TransactionMissing):
        send_undone(order_id=order_id, at=LATER)
    with pytest.raises(TransactionMissing):
        try_again(delivery_ids=[], at=LATER)
