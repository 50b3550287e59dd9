"""A gateway that doesn't answer is left alone by all processes together, and tried now and then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
import time_machine
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from apps.payment.gateway import Answer, FakeGateway, Unknown, Wish
from apps.payment.jobs import settle_open_wishes
from apps.payment.models import Circuit
from apps.payment.models.circuit import FAILURES, REST
from kernel.bus import inbox
from kernel.bus.models import Delivery
from kernel.bus.testing import newly_sent
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.payment.scenes import OUTSIDE, Order, assert_books_agree, flow, publish_all
from tests.payment.test_races import at_once

pytestmark = pytest.mark.django_db


class Network:
    """Between payment and the fake: down, or not."""

    def __init__(self, fake: FakeGateway) -> None:
        self.is_down, self.asked = True, 0
        self._call = fake.call
        fake.call = self.call  # type: ignore[method-assign]

    def call(self, wish: Wish) -> Answer:
        self.asked += 1
        return Unknown("ConnectError") if self.is_down else self._call(wish)


@pytest.fixture
def network(fake: FakeGateway) -> Network:
    return Network(fake)


def circuit() -> Circuit:
    return Circuit.objects.get(gateway="payment_3p")


def place(fake: FakeGateway, *, at: dt.datetime) -> Order:
    """Place an order and let payment hear of it once, whatever comes of that."""
    order = Order(fake)
    with time_machine.travel(at, tick=False):
        publish_all(order.placed())
        for queue, envelope in newly_sent():
            if queue == OUTSIDE:
                inbox.deliver(queue, [envelope])
    return order


def watch(at: dt.datetime) -> None:
    with time_machine.travel(at, tick=False):
        settle_open_wishes()
        flow()


@pytest.fixture
def left_alone(fake: FakeGateway, network: Network) -> list[Order]:
    """Return the orders whose calls all failed, so that the gateway is left alone since NOON."""
    return [place(fake, at=NOON) for _ in range(FAILURES)]


def test_a_gateway_that_answers_is_called(fake: FakeGateway, network: Network) -> None:
    for _ in range(FAILURES - 1):
        place(fake, at=NOON)
    assert (circuit().state_at(NOON), circuit().failures) == ("closed", FAILURES - 1)
    network.is_down = False

    assert place(fake, at=NOON).payment.state == "AUTHORIZED"

    assert (circuit().state_at(NOON), circuit().failures) == ("closed", 0)
    assert circuit().last_error == "AUTHORIZE: ConnectError"  # stays to be read


def test_a_no_is_an_answer(fake: FakeGateway, network: Network) -> None:
    for _ in range(FAILURES - 1):
        place(fake, at=NOON)
    network.is_down = False
    order = Order(fake)
    order.token = "tok_nobody"
    with time_machine.travel(NOON, tick=False):
        publish_all(order.placed())
        flow()
    assert order.payment.state == "DECLINED"
    assert circuit().failures == 0


def test_one_that_does_not_is_left_alone(
    fake: FakeGateway, network: Network, left_alone: list[Order]
) -> None:
    failed = Delivery.objects.count()
    order = place(fake, at=NOON + REST / 2)

    assert network.asked == FAILURES
    assert circuit().state_at(NOON + REST / 2) == "open"
    wish = order.payment.operations.get()
    assert (wish.state, wish.tries, wish.asked_at) == ("WISHED", 0, None)
    assert Delivery.objects.count() == failed  # the wish waits; the event itself is done


def test_each_rest_ends_with_one_call(
    fake: FakeGateway, network: Network, left_alone: list[Order]
) -> None:
    for rest in range(1, 4):
        at = NOON + REST * rest
        assert circuit().state_at(at) == "half_open"
        for _ in range(3):
            place(fake, at=at)
        assert network.asked == FAILURES + rest
        assert (circuit().state_at(at), circuit().opened_at) == ("open", NOON)


def test_what_waited_is_asked_for_soon_after_the_first_answer(
    fake: FakeGateway, network: Network, left_alone: list[Order]
) -> None:
    waiting = [place(fake, at=NOON + REST / 2) for _ in range(3)]
    for minute in (2, 5, 11, 23, 50):
        watch(NOON + dt.timedelta(minutes=minute))
    network.is_down = False

    back = place(fake, at=NOON + dt.timedelta(minutes=51))
    watch(NOON + dt.timedelta(minutes=52))

    assert circuit().failures == 0
    for order in (back, *waiting, *left_alone):
        assert order.payment.state == "AUTHORIZED"
        assert_books_agree(order, fake)


@pytest.mark.django_db(transaction=True)
def test_many_processes_send_one_call_together(fake: FakeGateway, left_alone: list[Order]) -> None:
    def ask() -> bool:
        with transaction():
            return Circuit.lets_through("payment_3p", at=NOON + REST)

    assert sorted(at_once(*[ask] * 6)) == [False] * 5 + [True]


def test_a_rest_has_a_begin_and_an_end() -> None:
    with pytest.raises(IntegrityError, match="payment_circuit_open"), transaction():
        Circuit.objects.update(opened_at=NOON)


class TestItIsSeen:
    def test_by_support(
        self, client_for: Callable[..., APIClient], left_alone: list[Order]
    ) -> None:
        client = client_for("support")  # the shop's clock is far ahead of NOON
        assert client.get("/api/v1/payments/gateways").json() == {
            "results": [
                {
                    "gateway": "payment_3p",
                    "state": "half_open",
                    "failures": FAILURES,
                    "opened_at": "2026-03-01T12:00:00Z",
                    "last_error": "AUTHORIZE: ConnectError",
                    "last_error_at": "2026-03-01T12:00:00Z",
                },
                {
                    "gateway": "stripe",
                    "state": "closed",
                    "failures": 0,
                    "opened_at": None,
                    "last_error": "",
                    "last_error_at": None,
                },
            ],
            "next": None,
        }

    def test_in_the_admin(self, admin_client: Client, left_alone: list[Order]) -> None:
        page = admin_client.get(reverse("admin:payment_circuit_changelist")).content.decode()
        assert "Silent, about to be tried" in page
        assert "AUTHORIZE: ConnectError" in page
