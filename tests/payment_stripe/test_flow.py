"""Orders that are paid through Stripe, from their events to Stripe's books."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.payment import usecases
from apps.payment.gateway import FakeGateway, StripeGateway, installed
from kernel.transactions import transaction
from tests.payment.scenes import Order, flow, money, names, publish_all, run_stubbornly, say
from tests.payment_3p.conftest import Listener
from tests.payment_stripe.cards import HOLD_SECONDS, NO_FUNDS
from tests.payment_stripe.conftest import Stripe

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(gateway: StripeGateway, stripe: Stripe) -> Iterator[Callable[..., Order]]:
    """Return what places an order that is paid by a card at Stripe."""

    def order(card: str | None = None) -> Order:
        made = Order(FakeGateway())
        made.token = stripe.token(card) if card else stripe.token()
        publish_all(made.placed(gateway="stripe"))
        return made

    with installed(gateway, name="stripe"):
        yield order


def test_an_order_that_shrinks_is_captured_in_part_and_refunded_in_parts(
    place: Callable[..., Order], stripe: Stripe
) -> None:
    order = place()
    say(order.modified(700))
    payment = order.payment
    assert money(payment) == ("AUTHORIZED", 1_000, 0, 0)  # as Stripe does, which lowers nothing
    assert stripe.intent(payment.reference)["amount"] == 1_000
    with pytest.raises(usecases.NothingRefused), transaction():
        usecases.retry_refused(order_id=order.id, at=timezone.now())
    assert payment.held_until is not None
    ahead = payment.held_until - timezone.now()
    assert abs(ahead - dt.timedelta(seconds=HOLD_SECONDS)) < dt.timedelta(minutes=1)

    say(order.fulfilled(700))
    order.refund(200)
    order.refund(300)
    flow()

    assert money(order.payment) == ("REFUNDED", 1_000, 700, 500)
    assert stripe.money(payment.reference) == ("succeeded", 700, 500)
    assert names() == ["authorized", "captured", "refunded", "refunded"]
    kinds = order.payment.operations.order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["AUTHORIZE", "CAPTURE", "REFUND", "REFUND"]


def test_an_order_that_is_cancelled_leaves_nothing_held(
    place: Callable[..., Order], stripe: Stripe
) -> None:
    order = place()
    say(order.cancelled())
    assert money(order.payment) == ("VOIDED", 0, 0, 0)
    assert stripe.money(order.payment.reference) == ("canceled", 0, 0)


def test_a_card_without_money_declines_the_order(place: Callable[..., Order]) -> None:
    order = place(NO_FUNDS)
    flow()
    assert (order.payment.state, order.payment.reason) == ("DECLINED", "insufficient_funds")


def test_trouble_of_every_kind_ends_in_the_same_books(
    place: Callable[..., Order], stripe: Stripe
) -> None:
    order = place()
    publish_all(order.modified(700), order.fulfilled(700))
    stripe.plan("busy", "error after work", "nonsense", "late", "busy", "error after work")
    run_stubbornly(seed=3)

    assert money(order.payment) == ("CAPTURED", 1_000, 700, 0)
    assert stripe.money(order.payment.reference) == ("succeeded", 700, 0)
    made = [each for each in stripe.intents() if each["payment_method"] == order.token]
    assert len(made) == 1


def test_its_webhook_lets_an_open_wish_soon_be_asked_for(
    place: Callable[..., Order], stripe: Stripe, stripe_listener: Listener
) -> None:
    order = place()
    flow()
    stripe.plan("late")
    publish_all(order.fulfilled())
    with pytest.raises(AssertionError):
        flow()
    wish = order.payment.operations.get(kind="CAPTURE")
    with transaction():
        usecases.ask_again(at=timezone.now() + dt.timedelta(minutes=9))  # from now on more rarely
    received = stripe_listener.of(order.payment.reference, "payment_intent.succeeded")

    answer = APIClient().generic(
        "POST",
        "/api/v1/payments/webhooks/stripe",
        received.body,
        content_type="application/json",
        headers={"Stripe-Signature": received.headers["Stripe-Signature"]},
    )

    assert answer.status_code == 204
    wish.refresh_from_db()
    assert wish.next_ask_at < timezone.now() + dt.timedelta(seconds=30)
