"""Real threads on the real database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from apps.payment.gateway import FakeGateway, Wish
from kernel.bus import inbox
from kernel.bus.testing import envelopes
from tests.payment.scenes import (
    OUTSIDE,
    Order,
    assert_books_agree,
    money,
    names,
    publish_all,
    say,
)

pytestmark = pytest.mark.django_db(transaction=True)

Call = Callable[[], Any]


def at_once(*calls: Call) -> list[Any]:
    """Run each call in a thread of its own, begun together."""
    start = threading.Barrier(len(calls))

    def run(call: Call) -> Any:
        start.wait(10)
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def deliver(index: int) -> Call:
    """Return a call that delivers this event of the log."""
    envelope = envelopes()[index]
    return lambda: inbox.deliver(OUTSIDE, [envelope])


def meet_in_the_call(fake: FakeGateway) -> None:
    """Hold the first two calls until both are there: each thread has written and committed."""
    barrier = threading.Barrier(2)

    def wait(wish: Wish) -> None:
        if len(fake.calls) <= 2:
            barrier.wait(10)

    fake.before_work = wait


def test_two_consumers_of_one_event_authorize_once(order: Order, fake: FakeGateway) -> None:
    publish_all(order.placed())
    meet_in_the_call(fake)

    assert at_once(deliver(0), deliver(0)) == [True, True]

    assert len(fake.calls) == 2
    assert len({call.id for call in fake.calls}) == 1
    assert money(order.payment) == ("AUTHORIZED", 1_000, 0, 0)
    assert order.payment.operations.count() == 1
    assert names() == ["authorized"]
    assert_books_agree(order, fake)


def test_two_consumers_of_one_refund_count_it_once(order: Order, fake: FakeGateway) -> None:
    say(order.placed(), order.fulfilled())
    order.refund(400)
    fake.calls.clear()
    meet_in_the_call(fake)

    assert at_once(deliver(-1), deliver(-1)) == [True, True]

    assert len(fake.calls) == 2
    assert money(order.payment) == ("REFUNDED", 1_000, 1_000, 400)
    assert names() == ["authorized", "captured", "refunded"]
    assert_books_agree(order, fake)


def test_a_cancel_during_the_authorization_voids_it(order: Order, fake: FakeGateway) -> None:
    publish_all(order.placed(), order.cancelled())
    assert at_once(deliver(0), deliver(1)) == [True, True]

    assert order.payment.state == "VOIDED"
    assert names() in ([], ["authorized", "voided"])
    assert fake.accounts[order.token].held == 0


@pytest.mark.parametrize("_round", range(3))
def test_all_events_of_an_order_at_once_end_in_the_same_books(
    order: Order, fake: FakeGateway, _round: int
) -> None:
    publish_all(order.placed(), order.modified(700), order.fulfilled(700))
    calls = [deliver(index) for index in (0, 1, 2, 0, 1, 2)]
    assert at_once(*calls) == [True] * 6

    assert (order.payment.state, order.payment.captured) == ("CAPTURED", 700)
    assert [name for name in names() if name != "amended"] == ["authorized", "captured"]
    assert_books_agree(order, fake)


def test_of_two_orders_with_one_token_one_is_declined(order: Order, fake: FakeGateway) -> None:
    other = Order(fake)
    publish_all(order.placed(), other.placed(payment_token=order.token))
    assert at_once(deliver(0), deliver(1)) == [True, True]

    assert sorted([order.payment.state, other.payment.state]) == ["AUTHORIZED", "DECLINED"]
    assert sorted(names()) == ["authorized", "declined"]
    assert len(fake.calls) == 1


def test_two_refunds_at_once_never_give_back_too_much(
    order: Order, fake: FakeGateway, client_for: Callable[..., APIClient]
) -> None:
    say(order.placed(), order.fulfilled())
    url, body = f"/api/v1/payments/{order.id}/refunds", {"amount": 600, "reason": "broken"}
    clients = [client_for("support") for _ in range(2)]

    answers = at_once(*(lambda client=client: client.post(url, body) for client in clients))

    assert sorted(answer.status_code for answer in answers) == [202, 409]
    say()
    assert money(order.payment) == ("REFUNDED", 1_000, 1_000, 600)
