"""What becomes of money that is held for an order that takes too long."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from apps.payment import events
from apps.payment.gateway import FakeGateway, Unknown
from apps.payment.gateway.fake import CAPTURE_REFUSED_CARD
from apps.payment.jobs import settle_lapsing_authorizations
from kernel.bus.testing import published
from tests.conftest import NOON
from tests.payment.scenes import Order, assert_books_agree, flow, money, names, say, told

pytestmark = pytest.mark.django_db

HELD_UNTIL = NOON + dt.timedelta(days=7)
SOON, NOW = HELD_UNTIL - dt.timedelta(days=2), HELD_UNTIL - dt.timedelta(hours=6)
JUST_BEFORE = dt.timedelta(seconds=-1)


@pytest.fixture
def held(order: Order) -> Order:
    with time_machine.travel(NOON, tick=False):
        say(order.placed())
    return order


def come(at: dt.datetime) -> None:
    """Let the time come, and the job with it."""
    with time_machine.travel(at, tick=False):
        settle_lapsing_authorizations()
        flow()


def test_it_is_known_how_long_money_is_held(held: Order) -> None:
    assert held.payment.held_until == HELD_UNTIL


class TestAnOrderThatIsNotOnItsWay:
    def test_is_told_of_once_two_days_before(self, held: Order) -> None:
        come(SOON + JUST_BEFORE)
        assert names() == ["authorized"]
        for minutes in (0, 10, 20):
            come(SOON + dt.timedelta(minutes=minutes))

        assert told()[1:] == [
            events.AuthorizationLapsing(
                occurred_at=SOON,
                order_id=held.id,
                amount=1_000,
                currency="EUR",
                held_until=HELD_UNTIL,
            )
        ]
        assert held.payment.state == "AUTHORIZED"

    def test_has_its_money_released_in_time(self, held: Order, fake: FakeGateway) -> None:
        come(NOW + JUST_BEFORE)
        assert held.payment.state == "AUTHORIZED"
        come(NOW)
        come(NOW + dt.timedelta(minutes=10))

        assert money(held.payment) == ("LAPSED", 0, 0, 0)
        assert names() == ["authorized", "authorization_lapsing", "lapsed"]
        assert told()[2] == events.PaymentLapsed(occurred_at=NOW, order_id=held.id)
        assert_books_agree(held, fake)

    @pytest.mark.parametrize("is_late", [False, True])
    def test_but_is_fulfilled_leaves_a_capture_that_failed(
        self, held: Order, fake: FakeGateway, *, is_late: bool
    ) -> None:
        if is_late:
            come(NOW)
            say(held.fulfilled())
        else:  # while the money is being released
            fake.before_work = lambda wish: (
                setattr(fake, "before_work", lambda _: None),
                say(held.fulfilled()),
            )
            come(NOW)

        assert money(held.payment) == ("CAPTURE_FAILED", 0, 0, 0)
        assert held.payment.reason == "authorization_lapsed"
        assert names()[-2:] == ["lapsed", "capture_failed"]
        assert_books_agree(held, fake)

    def test_and_ends_keeps_nothing(self, held: Order, fake: FakeGateway) -> None:
        come(NOW)
        say(held.cancelled())
        assert money(held.payment) == ("VOIDED", 0, 0, 0)
        assert names() == ["authorized", "authorization_lapsing", "lapsed"]
        assert_books_agree(held, fake)

    def test_waits_for_a_gateway_that_is_away(self, held: Order, fake: FakeGateway) -> None:
        fake.call = lambda _: Unknown("ConnectError")  # type: ignore[method-assign]
        come(NOW)
        del fake.call  # type: ignore[method-assign]
        assert held.payment.state == "AUTHORIZED"
        say(held.modified(900))  # whatever comes next

        assert money(held.payment) == ("LAPSED", 0, 0, 0)
        assert_books_agree(held, fake)


class TestAnOrderThatIsOnItsWay:
    def test_is_captured_in_time(self, held: Order, fake: FakeGateway) -> None:
        say(held.modified(900), held.shipped())
        come(NOW)
        assert money(held.payment) == ("CAPTURED", 900, 900, 0)
        assert names()[-1] == "captured"

        say(held.fulfilled(900))
        assert money(held.payment) == ("CAPTURED", 900, 900, 0)
        assert_books_agree(held, fake)

    def test_and_comes_to_nothing_gets_all_back(self, held: Order, fake: FakeGateway) -> None:
        say(held.shipped())
        come(NOW)
        say(held.failed())
        assert money(held.payment) == ("REFUNDED", 1_000, 1_000, 1_000)
        assert_books_agree(held, fake)

    def test_and_costs_less_in_the_end_gets_the_difference_back(
        self, held: Order, fake: FakeGateway
    ) -> None:
        say(held.shipped())
        come(NOW)
        say(held.fulfilled(650))
        assert money(held.payment) == ("REFUNDED", 1_000, 1_000, 350)
        assert told()[-1].reason == "captured_early"  # type: ignore[attr-defined]
        assert_books_agree(held, fake)

    def test_and_whose_capture_is_refused_waits_for_staff(self, fake: FakeGateway) -> None:
        order = Order(fake, card=CAPTURE_REFUSED_CARD)
        with time_machine.travel(NOON, tick=False):
            say(order.placed(), order.shipped())
        come(NOW)
        assert money(order.payment) == ("CAPTURE_FAILED", 1_000, 0, 0)


@pytest.mark.parametrize("end", ["fulfilled", "cancelled", "failed"])
def test_an_order_that_has_ended_lapses_no_more(held: Order, end: str) -> None:
    say(getattr(held, end)())
    before = published()
    come(NOW)
    assert published() == before


def test_staff_find_what_is_about_to_lapse(admin_client: Client, held: Order) -> None:
    url = reverse("admin:payment_payment_changelist")
    assert str(held.id) not in admin_client.get(url, {"hold": "lapsing"}).content.decode()
    come(SOON)
    assert str(held.id) in admin_client.get(url, {"hold": "lapsing"}).content.decode()
    come(NOW)
    assert str(held.id) not in admin_client.get(url, {"hold": "lapsing"}).content.decode()
    assert str(held.id) in admin_client.get(url, {"state__exact": "LAPSED"}).content.decode()
