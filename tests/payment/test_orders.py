"""What payment does when orders speak, in whichever order they are heard."""

from __future__ import annotations

import pytest

from apps.payment import events
from apps.payment.gateway import FakeGateway
from apps.payment.gateway.fake import (
    CAPTURE_REFUSED_CARD,
    DECLINED_CARD,
    INSUFFICIENT_FUNDS_CARD,
    SILENT_CARDS,
)
from kernel.bus.event import Event
from kernel.bus.testing import twice_and_shuffled
from kernel.ids import new_id
from tests.payment.scenes import (
    Order,
    assert_books_agree,
    flow,
    money,
    names,
    publish_all,
    run_stubbornly,
    say,
    told,
)

pytestmark = pytest.mark.django_db


class TestAnOrderThatIsPlaced:
    def test_is_authorized_for_its_total(self, order: Order, fake: FakeGateway) -> None:
        say(order.placed())

        assert money(order.payment) == ("AUTHORIZED", 1_000, 0, 0)
        [event] = told()
        assert event == events.PaymentAuthorized(
            occurred_at=event.occurred_at,
            order_id=order.id,
            amount=1_000,
            currency="EUR",
            gateway="payment_3p",
        )
        assert_books_agree(order, fake)

    @pytest.mark.parametrize(
        ("card", "reason"),
        [(DECLINED_CARD, "card_declined"), (INSUFFICIENT_FUNDS_CARD, "insufficient_funds")],
    )
    def test_is_declined_with_the_gateways_reason(
        self, fake: FakeGateway, card: str, reason: str
    ) -> None:
        order = Order(fake, card=card)
        say(order.placed())

        assert money(order.payment) == ("DECLINED", 0, 0, 0)
        [event] = told()
        assert event == events.PaymentDeclined(
            occurred_at=event.occurred_at, order_id=order.id, reason=reason
        )

    def test_is_declined_when_its_token_paid_before(self, order: Order, fake: FakeGateway) -> None:
        other = Order(fake)
        say(order.placed())
        say(other.placed(payment_token=order.token))

        assert (other.payment.state, other.payment.reason) == ("DECLINED", "token_used")
        assert names() == ["authorized", "declined"]
        assert len(fake.calls) == 1

    def test_is_declined_when_nobody_knows_the_gateway(
        self, order: Order, fake: FakeGateway
    ) -> None:
        say(order.placed(gateway="piggy_bank"))

        assert (order.payment.state, order.payment.reason) == ("DECLINED", "unknown_gateway")
        assert names() == ["declined"]
        assert fake.calls == []

    def test_is_authorized_though_it_costs_nothing(self, fake: FakeGateway) -> None:
        order = Order(fake, total=0)
        say(order.placed(), order.fulfilled())
        assert money(order.payment) == ("CAPTURED", 0, 0, 0)
        assert names() == ["authorized", "captured"]


class TestAnOrderThatIsModified:
    def test_has_less_held_for_it(self, order: Order, fake: FakeGateway) -> None:
        say(order.placed())
        say(order.modified(700))

        assert money(order.payment) == ("AUTHORIZED", 700, 0, 0)
        assert told()[1] == events.PaymentAmended(
            occurred_at=told()[1].occurred_at, order_id=order.id, amount=700, currency="EUR"
        )
        assert_books_agree(order, fake)

    def test_before_it_was_heard_of_is_authorized_for_the_newest_total(
        self, order: Order, fake: FakeGateway
    ) -> None:
        say(order.modified(700, version=3))
        say(order.modified(800, version=2))
        say(order.placed())

        assert money(order.payment) == ("AUTHORIZED", 700, 0, 0)
        assert names() == ["authorized"]

    def test_keeps_the_newest_total_when_an_older_one_comes_late(self, order: Order) -> None:
        say(order.placed())
        say(order.modified(600, version=3))
        say(order.modified(500, version=2))
        assert money(order.payment) == ("AUTHORIZED", 600, 0, 0)

    def test_in_its_address_alone_asks_nothing_of_the_gateway(
        self, order: Order, fake: FakeGateway
    ) -> None:
        say(order.placed())
        say(order.modified(1_000))
        assert len(fake.calls) == 1
        assert names() == ["authorized"]

    def test_whose_amendment_is_refused_is_captured_at_the_lower_total(
        self, order: Order, fake: FakeGateway
    ) -> None:
        say(order.placed())
        fake.accounts[order.token].held = 600  # as if the gateway saw it otherwise
        say(order.modified(700))
        assert names() == ["authorized"]
        fake.accounts[order.token].held = 1_000

        say(order.fulfilled(700))

        assert money(order.payment) == ("CAPTURED", 1_000, 700, 0)
        assert [call.kind for call in fake.calls] == ["AUTHORIZE", "AMEND", "CAPTURE"]


class TestAnOrderThatIsFulfilled:
    def test_is_captured_at_exactly_its_total(self, order: Order, fake: FakeGateway) -> None:
        say(order.placed())
        say(order.fulfilled(650))

        assert money(order.payment) == ("CAPTURED", 1_000, 650, 0)
        [_, event] = told()
        assert event == events.PaymentCaptured(
            occurred_at=event.occurred_at, order_id=order.id, amount=650, currency="EUR"
        )
        assert_books_agree(order, fake)

    def test_before_it_was_heard_of_is_authorized_and_captured(
        self, order: Order, fake: FakeGateway
    ) -> None:
        say(order.fulfilled(650))
        assert order.payment.state == "PENDING"
        say(order.placed())
        assert money(order.payment) == ("CAPTURED", 650, 650, 0)
        assert_books_agree(order, fake)

    def test_but_refused_by_the_gateway_waits_for_staff(self, fake: FakeGateway) -> None:
        order = Order(fake, card=CAPTURE_REFUSED_CARD)
        say(order.placed(), order.fulfilled())

        assert money(order.payment) == ("CAPTURE_FAILED", 1_000, 0, 0)
        assert told()[1] == events.PaymentCaptureFailed(
            occurred_at=told()[1].occurred_at, order_id=order.id, reason="capture_refused"
        )
        assert [call.kind for call in fake.calls] == ["AUTHORIZE", "CAPTURE"]


class TestAnOrderThatEnds:
    @pytest.mark.parametrize("end", ["cancelled", "failed"])
    def test_has_nothing_held_for_it(self, order: Order, fake: FakeGateway, end: str) -> None:
        say(order.placed())
        say(getattr(order, end)())

        assert money(order.payment) == ("VOIDED", 0, 0, 0)
        [_, event] = told()
        assert event == events.PaymentVoided(occurred_at=event.occurred_at, order_id=order.id)
        assert_books_agree(order, fake)

    @pytest.mark.parametrize("end", ["cancelled", "failed"])
    def test_before_it_was_heard_of_is_never_authorized(
        self, order: Order, fake: FakeGateway, end: str
    ) -> None:
        say(getattr(order, end)())
        say(order.placed())

        assert money(order.payment) == ("VOIDED", 0, 0, 0)
        assert (names(), fake.calls) == ([], [])

    def test_stays_declined_if_it_was(self, fake: FakeGateway) -> None:
        order = Order(fake, card=DECLINED_CARD)
        say(order.placed())
        say(order.cancelled())
        assert order.payment.state == "DECLINED"
        assert names() == ["declined"]

    def test_after_a_capture_gets_everything_back(self, order: Order, fake: FakeGateway) -> None:
        say(order.placed(), order.fulfilled())
        order.refund(300)
        flow()
        say(order.cancelled())

        assert money(order.payment) == ("REFUNDED", 1_000, 1_000, 1_000)
        assert names() == ["authorized", "captured", "refunded", "refunded"]
        assert_books_agree(order, fake)

    def test_whose_void_is_refused_is_not_asked_for_ever(
        self, order: Order, fake: FakeGateway
    ) -> None:
        say(order.placed())
        fake.accounts.clear()  # the gateway knows nothing of it
        say(order.cancelled())
        say(order.failed())

        assert order.payment.state == "AUTHORIZED"
        refused = order.payment.operations.get(kind="VOID")
        assert (refused.state, refused.refusal) == ("REFUSED", "unknown_token")


STORIES = {
    "fulfilled": (("placed", "fulfilled"), ("CAPTURED", 1_000)),
    "partly packed": (("placed", "modified", "less", "fulfilled at less"), ("CAPTURED", 600)),
    "cancelled": (("placed", "modified", "cancelled"), ("VOIDED", 0)),
    "failed": (("placed", "failed"), ("VOIDED", 0)),
    "both ends": (("placed", "less", "fulfilled at less", "cancelled"), (None, 0)),
}


def tell(order: Order, story: str) -> list[Event]:
    told_by = {
        "placed": order.placed,
        "modified": lambda: order.modified(800, version=2),
        "less": lambda: order.modified(600, version=3),
        "fulfilled": order.fulfilled,
        "fulfilled at less": lambda: order.fulfilled(600),
        "cancelled": order.cancelled,
        "failed": order.failed,
    }
    return [told_by[part]() for part in STORIES[story][0]]


def assert_ended_well(order: Order, fake: FakeGateway, story: str) -> None:
    state, kept = STORIES[story][1]
    payment = order.payment
    assert state in {None, payment.state}
    assert payment.captured - payment.refunded == kept
    assert payment.state != "AUTHORIZED"
    assert_books_agree(order, fake)
    once = [name for name in names() if name != "amended"]
    assert len(once) == len(set(once))


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_order_of_events_the_end_is_the_same(
    order: Order, fake: FakeGateway, story: str, seed: int
) -> None:
    publish_all(*tell(order, story))
    flow(twice_and_shuffled(seed))
    assert_ended_well(order, fake, story)


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("seed", range(6))
def test_a_gateway_that_works_but_does_not_answer_changes_nothing_about_it(
    fake: FakeGateway, story: str, seed: int
) -> None:
    order = Order(fake, card=next(iter(SILENT_CARDS)))
    publish_all(*tell(order, story))
    run_stubbornly(seed)
    assert_ended_well(order, fake, story)


@pytest.mark.parametrize("seed", range(6))
def test_many_orders_at_once_do_not_mix(fake: FakeGateway, seed: int) -> None:
    found = {story: Order(fake) for story in STORIES}
    publish_all(*(event for story, order in found.items() for event in tell(order, story)))
    flow(twice_and_shuffled(seed))
    for story, order in found.items():
        state, kept = STORIES[story][1]
        assert state in {None, order.payment.state}
        assert order.payment.captured - order.payment.refunded == kept
        assert_books_agree(order, fake)


def test_an_event_of_an_order_that_nobody_placed_waits(order: Order, fake: FakeGateway) -> None:
    stranger = Order(fake)
    stranger.id = new_id()
    say(stranger.modified(5))
    assert money(stranger.payment) == ("PENDING", 0, 0, 0)
    assert (names(), fake.calls) == ([], [])
