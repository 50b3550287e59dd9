"""A wish without an answer: processes that die, gateways that keep silent, and the watch."""

from __future__ import annotations

import datetime as dt
import random
from itertools import pairwise

import pytest
import time_machine

from apps.payment import usecases
from apps.payment.events import OperationRequested
from apps.payment.gateway import FakeGateway, Wish
from apps.payment.gateway.fake import SILENT_CARDS
from apps.payment.jobs import settle_open_wishes
from apps.payment.models import Operation
from apps.payment.models.operation import SPREAD
from kernel.bus.models import Delivery, InboxMark
from kernel.bus.testing import published
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.payment.scenes import (
    Order,
    assert_books_agree,
    flow,
    money,
    names,
    publish_all,
    run_stubbornly,
    say,
    send_again,
)

pytestmark = pytest.mark.django_db

BROKEN_CARD = next(iter(SILENT_CARDS))


class Died(Exception):
    """What a killed process looks like to the rest."""


def die(wish: Wish) -> None:
    raise Died(wish.kind)


def live(wish: Wish) -> None:
    pass


def say_in_vain(order: Order) -> None:
    """Let OrderPlaced fail at its first attempt."""
    with pytest.raises(AssertionError):
        say(order.placed())


class TestAProcessThatDiesBetweenCallAndAnswer:
    def test_leaves_a_wish_that_the_next_delivery_carries_out_once(
        self, order: Order, fake: FakeGateway
    ) -> None:
        fake.after_work = die
        say_in_vain(order)
        assert order.payment.operations.get().is_open
        assert names() == []
        fake.after_work = live

        send_again()

        assert money(order.payment) == ("AUTHORIZED", 1_000, 0, 0)
        assert names() == ["authorized"]
        assert [call.id for call in fake.calls] == [order.payment.operations.get().id] * 2
        assert_books_agree(order, fake)

    def test_leaves_a_wish_that_is_carried_out_by_whatever_comes_next(
        self, order: Order, fake: FakeGateway
    ) -> None:
        fake.after_work = die
        say_in_vain(order)
        fake.after_work = live

        say(order.cancelled())

        assert money(order.payment) == ("VOIDED", 0, 0, 0)
        assert names() == ["authorized", "voided"]
        assert_books_agree(order, fake)

    def test_before_the_mark_was_set_does_nothing_twice(
        self, order: Order, fake: FakeGateway
    ) -> None:
        say(order.placed())
        InboxMark.objects.all().delete()
        send_again()
        assert names() == ["authorized"]
        assert len(fake.calls) == 1

    @pytest.mark.parametrize("seed", range(12))
    def test_again_and_again_at_any_place_ends_in_the_same_books(
        self, order: Order, fake: FakeGateway, seed: int
    ) -> None:
        dice = random.Random(seed)

        def sometimes_die(wish: Wish) -> None:
            if dice.random() < 0.4:
                raise Died(wish.kind)

        fake.before_work = fake.after_work = sometimes_die
        publish_all(order.placed(), order.modified(700), order.fulfilled(700))
        run_stubbornly(seed)

        assert order.payment.state == "CAPTURED"
        assert order.payment.captured == 700
        assert_books_agree(order, fake)
        assert [name for name in names() if name != "amended"] == ["authorized", "captured"]


class TestAGatewayThatKeepsSilent:
    def test_leaves_the_event_undone_and_the_wish_open(self, fake: FakeGateway) -> None:
        order = Order(fake, card=BROKEN_CARD)
        say_in_vain(order)

        failed = Delivery.objects.get()
        assert failed.handler == "payment.authorize_payment"
        assert failed.error == ("apps.payment.errands.GatewaySilent: AUTHORIZE at payment_3p: late")
        assert order.payment.state == "PENDING"
        assert order.payment.operations.get().tries == 1

        send_again()
        assert order.payment.state == "AUTHORIZED"
        assert names() == ["authorized"]

    def test_to_a_refund_is_asked_again_by_the_watch(self, fake: FakeGateway) -> None:
        order = Order(fake)
        say(order.placed(), order.fulfilled())
        fake.accounts[order.token].card = BROKEN_CARD
        with time_machine.travel(NOON, tick=False):
            order.refund(400)
            flow()
        assert money(order.payment) == ("CAPTURED", 1_000, 1_000, 0)

        with time_machine.travel(NOON + dt.timedelta(seconds=61), tick=False):
            settle_open_wishes()
            flow()

        assert money(order.payment) == ("REFUNDED", 1_000, 1_000, 400)
        assert_books_agree(order, fake)


class TestTheWatch:
    def test_asks_again_less_and_less_often(self, order: Order, fake: FakeGateway) -> None:
        fake.before_work = die
        with time_machine.travel(NOON, tick=False):
            say_in_vain(order)

        minutes_asked = []
        for minute in range(1, 300):
            with transaction():
                if usecases.ask_again(at=NOON + dt.timedelta(minutes=minute)):
                    minutes_asked.append(minute)

        pauses = [after - before for before, after in pairwise(minutes_asked)]
        usual = [min(minute, 60) for minute in minutes_asked[:-1]]  # as long as it has waited
        assert all(
            (1 - SPREAD) * longest <= pause < longest + 1
            for pause, longest in zip(pauses, usual, strict=True)
        )
        assert minutes_asked[0] == 1
        operation = order.payment.operations.get()
        assert published(OperationRequested)[0] == OperationRequested(
            occurred_at=NOON + dt.timedelta(minutes=1),
            order_id=order.id,
            operation_id=operation.id,
        )

    def test_does_not_ask_at_once_for_all_that_began_to_wait_at_once(
        self, fake: FakeGateway
    ) -> None:
        fake.before_work = die
        with time_machine.travel(NOON, tick=False):
            for _ in range(8):
                say_in_vain(Order(fake))

        times = set(Operation.objects.values_list("next_ask_at", flat=True))

        assert len(times) > 4
        assert all(45 <= (at - NOON).total_seconds() <= 60 for at in times)

    def test_leaves_alone_what_is_answered_or_young(self, order: Order, fake: FakeGateway) -> None:
        say(order.placed())
        young = Order(fake)
        fake.before_work = die
        with time_machine.travel(NOON, tick=False):
            say_in_vain(young)
            settle_open_wishes()
        assert published(OperationRequested) == []


class TestAWishOfYesterday:
    """Gateways forget keys: what may have been done is looked up before it is asked again."""

    def settle_late(self) -> None:
        with time_machine.travel(NOON + dt.timedelta(hours=13), tick=False):
            settle_open_wishes()
            flow()

    def test_that_was_done_is_found_and_not_called(self, order: Order, fake: FakeGateway) -> None:
        fake.after_work = die
        with time_machine.travel(NOON, tick=False):
            say_in_vain(order)
        fake.after_work = live

        self.settle_late()

        assert len(fake.calls) == 1
        assert money(order.payment) == ("AUTHORIZED", 1_000, 0, 0)
        assert names() == ["authorized"]

    def test_that_was_not_done_is_called(self, order: Order, fake: FakeGateway) -> None:
        fake.before_work = die
        with time_machine.travel(NOON, tick=False):
            say_in_vain(order)
        fake.before_work = live

        self.settle_late()

        assert len(fake.calls) == 2
        assert fake.calls[1].may_be_forgotten
        assert money(order.payment) == ("AUTHORIZED", 1_000, 0, 0)

    def test_that_was_never_asked_is_simply_called(self, order: Order, fake: FakeGateway) -> None:
        say(order.placed(), order.fulfilled())
        with time_machine.travel(NOON, tick=False):
            order.refund(100)
        self.settle_late()
        assert not fake.calls[-1].may_be_forgotten
        assert order.payment.refunded == 100
