"""An order's timeline tells what every handler has made of every event, and what is awaited."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kernel import limits
from kernel.bus import timeline
from kernel.bus.models import Delivery, Subscription
from kernel.bus.timeline import Hearing, Status, Timeline
from kernel.ids import new_id
from tests.kernel.order_log import (
    AUDIT,
    NOON,
    PACK,
    PAY,
    declared,
    fail,
    minutes,
    take,
    told,
)

pytestmark = pytest.mark.django_db
SECOND = dt.timedelta(seconds=1)


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    Subscription.objects.update(since=NOON - minutes(60))
    with declared():
        yield


@pytest.fixture
def order_id() -> uuid.UUID:
    return new_id()


def read(order_id: uuid.UUID) -> Timeline:
    found = timeline.read(order_id=order_id)
    assert found
    return found


def heard(found: Timeline, handler: str = PACK) -> Hearing:
    """Return what a handler has made of the only event."""
    [event] = found.told
    return {hearing.handler: hearing for hearing in event.hearings}[handler]


def awaited(found: Timeline) -> list[tuple[str, str, int, int, dt.datetime]]:
    return [
        (each.status, each.handler, len(each.events), len(each.hearings), each.since)
        for each in found.awaited
    ]


def test_an_order_of_which_the_log_knows_nothing_has_none() -> None:
    told(new_id())
    told(None)

    assert timeline.read(order_id=new_id()) is None


def test_effects_stand_below_their_cause_and_siblings_in_sequence(order_id: uuid.UUID) -> None:
    first = told(order_id)
    paid = told(order_id, cause=first)
    told(order_id)  # staff's
    packed = told(order_id, cause=first)
    told(order_id, cause=paid)
    told(order_id, cause=packed)
    told(order_id, cause=told(new_id()))  # moved by another order's event

    places = {row.event.sequence - first.sequence: row.depth for row in read(order_id).told}
    assert list(places.items()) == [(0, 0), (1, 1), (4, 2), (3, 1), (5, 2), (2, 0), (7, 0)]


def test_who_took_an_event_at_once_waited_until_then(order_id: uuid.UUID) -> None:
    told(order_id)

    assert read(order_id).told[0].hearings == tuple(
        Hearing(handler, Status.DONE, NOON + SECOND, attempts=1) for handler in (AUDIT, PACK, PAY)
    )


def test_who_failed_before_took_it_in_a_later_attempt(order_id: uuid.UUID) -> None:
    delivery = fail(told(order_id), PACK, "RECOVERED", attempts=2)

    assert heard(read(order_id)) == Hearing(
        PACK, Status.DONE, NOON + SECOND, 3, delivery.error, delivery_id=delivery.pk
    )
    assert not read(order_id).awaited


@pytest.mark.parametrize("state", Delivery.State.values)
def test_a_mark_is_the_last_word(state: str, order_id: uuid.UUID) -> None:
    fail(told(order_id), PACK, state)

    assert heard(read(order_id)).status is Status.DONE


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("FAILED", Status.FAILED),
        ("RECOVERED", Status.DONE),
        ("DEAD", Status.DEAD),
        ("DISCARDED", Status.DISCARDED),
    ],
)
def test_who_failed_is_told_with_the_error(state: str, status: Status, order_id: uuid.UUID) -> None:
    delivery = fail(told(order_id, taken=(AUDIT, PAY)), PACK, state, after=3)

    found = heard(read(order_id))
    assert (found.status, found.at, found.error, found.delivery_id) == (
        status,
        NOON + minutes(3),
        "testing.Broken: as asked",
        delivery.pk,
    )


def test_who_has_not_heard_waits_since_the_event_was_recorded(order_id: uuid.UUID) -> None:
    told(order_id, after=2, taken=(AUDIT, PAY))

    assert heard(read(order_id)) == Hearing(PACK, Status.WAITING, NOON + minutes(2))


def test_an_event_that_is_not_sent_is_awaited_by_all_who_have_not_taken_it(
    order_id: uuid.UUID,
) -> None:
    told(order_id, sent=False, taken=(AUDIT,))

    found = read(order_id)
    assert [each.status for each in found.told[0].hearings] == ["done", "unsent", "unsent"]
    assert awaited(found) == [(Status.UNSENT, "", 1, 2, NOON)]


def test_a_handler_that_came_later_is_not_awaited(order_id: uuid.UUID) -> None:
    told(order_id, taken=(AUDIT, PAY))
    since = NOON + minutes(10)
    Subscription.objects.create(handler=PACK, since=since, checked_to=0)

    assert heard(read(order_id)) == Hearing(PACK, Status.EXEMPT, since)
    assert not read(order_id).awaited


def test_an_event_that_this_code_does_not_know_is_told_with_its_failure(
    order_id: uuid.UUID,
) -> None:
    row = told(order_id, name="testing.begun.v9", taken=("gone.by",))
    fail(row, "unknown", "DEAD")

    [event] = read(order_id).told
    assert event.meaning == ""
    assert [(each.handler, each.status) for each in event.hearings] == [
        ("gone.by", Status.DONE),
        ("unknown", Status.DEAD),
    ]


def test_an_event_is_told_with_its_meaning(order_id: uuid.UUID) -> None:
    told(order_id)

    assert read(order_id).told[0].meaning == "A test's order has begun."


def test_what_is_awaited_is_told_by_handler_and_what_is_dead_first(order_id: uuid.UUID) -> None:
    told(order_id)
    told(order_id, after=1, taken=(PACK, PAY))
    told(order_id, after=2, taken=(PACK, PAY))
    told(order_id, after=3, sent=False, taken=())
    fail(told(order_id, after=4, taken=(AUDIT, PAY)), PACK, "FAILED")
    fail(told(order_id, after=5, taken=(AUDIT, PACK)), PAY, "DEAD")
    fail(told(order_id, after=6, taken=(AUDIT, PACK)), PAY, "DISCARDED")

    found = read(order_id)
    assert awaited(found) == [
        (Status.DEAD, PAY, 1, 1, NOON + minutes(5)),
        (Status.FAILED, PACK, 1, 1, NOON + minutes(4)),
        (Status.UNSENT, "", 1, 3, NOON + minutes(3)),
        (Status.WAITING, AUDIT, 2, 2, NOON + minutes(1)),
    ]
    assert len(found.undone) == 7


def test_its_times_are_those_of_the_first_event_and_of_the_last_thing(order_id: uuid.UUID) -> None:
    first = told(order_id, after=1, taken=())
    told(order_id, after=5, taken=())
    take(first, PACK, after=9)

    found = read(order_id)
    assert (found.first, found.last_at) == (first, NOON + minutes(9))


@pytest.mark.parametrize("events", [1, 300])
def test_it_takes_as_many_queries_for_one_event_as_for_hundreds(
    events: int, order_id: uuid.UUID
) -> None:
    for number in range(events):
        row = told(order_id, taken=(AUDIT,))
        if number % 2:
            fail(row, PACK)

    with CaptureQueriesContext(connection) as queries:
        found = read(order_id)
        assert len(found.awaited) == (2 if events == 1 else 3)
        timeline.payloads([told.event.sequence for told in found.told])

    assert len(queries) == 5
    assert len(found.told) == events


def test_of_more_events_than_it_tells_it_tells_the_first(
    order_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "MOST", 2)
    rows = [told(order_id), told(order_id)]
    assert not read(order_id).is_cut

    told(order_id)
    found = read(order_id)
    assert (found.is_cut, [each.event for each in found.told]) == (True, rows)


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(1, 5), (2, 30), (3, 120), (4, 600), (5, 1800), (7, 5), (11, 1800)],
)
def test_the_next_attempt_comes_when_the_queue_shows_the_message_again(
    attempts: int, seconds: int, order_id: uuid.UUID
) -> None:
    failure = fail(told(order_id), PACK, attempts=attempts)
    expected = failure.updated_at + dt.timedelta(seconds=seconds)

    assert limits.MAX_RECEIVES == 6
    assert timeline.next_attempt(failure, sent_at=NOON) == expected


@pytest.mark.parametrize(
    ("state", "attempts", "sent_at"),
    [
        ("DEAD", 1, NOON),
        ("FAILED", 6, NOON),  # the last
        ("FAILED", 0, NOON),  # the watchdog's: it was never tried
        ("FAILED", 1, None),  # is being sent again
        ("FAILED", 1, NOON + minutes(2)),  # was sent again since
    ],
)
def test_no_next_attempt_is_foretold(
    state: str, attempts: int, sent_at: dt.datetime | None, order_id: uuid.UUID
) -> None:
    failure = fail(told(order_id), PACK, state, attempts=attempts)

    assert timeline.next_attempt(failure, sent_at=sent_at) is None
