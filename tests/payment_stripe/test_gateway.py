"""What payment asks of a gateway, asked of Stripe's library and a stand-in over real HTTP."""

from __future__ import annotations

import datetime as dt

import pytest
import stripe as library
import time_machine
from django.utils import timezone

from apps.payment.gateway import (
    Accepted,
    Answer,
    NotFound,
    Refused,
    StripeGateway,
    Unknown,
    UntrustedWebhook,
    Wish,
)
from kernel.ids import new_id
from tests.payment_3p.conftest import Listener
from tests.payment_3p.server import free_port
from tests.payment_stripe.cards import (
    AUTHENTICATION,
    DECLINED,
    EXPIRED,
    HOLD_SECONDS,
    NO_FUNDS,
    STOLEN,
)
from tests.payment_stripe.conftest import WEBHOOK_SECRET, Stripe


def wish(kind: str, token: str = "", amount: int = 1_000, **changes: str) -> Wish:
    return Wish(
        id=new_id(),
        order_id=new_id(),
        kind=kind,
        gateway="stripe",
        token=token,
        amount=amount,
        currency=changes.pop("currency", "EUR"),
        **changes,  # type: ignore[arg-type]
    )


def held(gateway: StripeGateway, stripe: Stripe, amount: int = 1_000) -> str:
    answer = gateway.call(wish("AUTHORIZE", stripe.token(), amount))
    assert isinstance(answer, Accepted)
    return answer.reference


def captured(gateway: StripeGateway, stripe: Stripe, amount: int = 1_000) -> str:
    reference = held(gateway, stripe, amount)
    assert gateway.call(wish("CAPTURE", amount=amount, reference=reference)) == Accepted()
    return reference


class TestWhatIsHeld:
    def test_is_not_taken_and_has_its_name_and_its_time(
        self, gateway: StripeGateway, stripe: Stripe
    ) -> None:
        answer = gateway.call(wish("AUTHORIZE", stripe.token()))

        assert isinstance(answer, Accepted)
        assert stripe.money(answer.reference) == ("requires_capture", 0, 0)
        assert answer.held_until is not None
        ahead = answer.held_until - timezone.now()
        assert abs(ahead.total_seconds() - HOLD_SECONDS) < 60

    def test_is_captured_whole(self, gateway: StripeGateway, stripe: Stripe) -> None:
        assert stripe.money(captured(gateway, stripe)) == ("succeeded", 1_000, 0)

    def test_is_captured_in_part_and_the_rest_released(
        self, gateway: StripeGateway, stripe: Stripe
    ) -> None:
        reference = held(gateway, stripe)
        assert gateway.call(wish("CAPTURE", amount=600, reference=reference)) == Accepted()
        assert stripe.money(reference) == ("succeeded", 600, 0)

    def test_is_released_when_nothing_of_it_is_captured(
        self, gateway: StripeGateway, stripe: Stripe
    ) -> None:
        reference = held(gateway, stripe)
        nothing = wish("CAPTURE", amount=0, reference=reference)
        assert gateway.call(nothing) == gateway.find(nothing) == Accepted()
        assert stripe.money(reference) == ("canceled", 0, 0)

    def test_is_not_captured_above_its_amount(self, gateway: StripeGateway, stripe: Stripe) -> None:
        reference = held(gateway, stripe)
        answer = gateway.call(wish("CAPTURE", amount=1_001, reference=reference))
        assert isinstance(answer, Refused)
        assert stripe.money(reference) == ("requires_capture", 0, 0)

    def test_is_voided_and_again(self, gateway: StripeGateway, stripe: Stripe) -> None:
        reference = held(gateway, stripe)
        for _ in range(2):
            assert gateway.call(wish("VOID", reference=reference)) == Accepted()
        capture = wish("CAPTURE", reference=reference)
        assert gateway.call(capture) == Refused("wrong_state")
        assert stripe.money(reference) == ("canceled", 0, 0)


class TestWhatIsCaptured:
    def test_is_refunded_in_parts_and_never_above(
        self, gateway: StripeGateway, stripe: Stripe
    ) -> None:
        reference = held(gateway, stripe)
        gateway.call(wish("CAPTURE", amount=800, reference=reference))
        for amount in (300, 500):
            assert gateway.call(wish("REFUND", amount=amount, reference=reference)) == Accepted()
        assert isinstance(gateway.call(wish("REFUND", amount=1, reference=reference)), Refused)
        assert stripe.money(reference) == ("succeeded", 800, 800)

    def test_is_neither_voided_nor_captured_again(
        self, gateway: StripeGateway, stripe: Stripe
    ) -> None:
        reference = captured(gateway, stripe)
        assert gateway.call(wish("VOID", reference=reference)) == Refused("wrong_state")
        assert gateway.call(wish("CAPTURE", reference=reference)) == Refused("wrong_state")
        assert stripe.money(reference) == ("succeeded", 1_000, 0)


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        (DECLINED, "card_declined"),
        (NO_FUNDS, "insufficient_funds"),
        (EXPIRED, "expired_card"),
        (STOLEN, "card_declined"),  # not to be told
        (AUTHENTICATION, "authentication_required"),
    ],
)
def test_a_bad_card_is_declined_and_stays_so(
    gateway: StripeGateway, stripe: Stripe, card: str, reason: str
) -> None:
    asked = wish("AUTHORIZE", stripe.token(card))
    assert [gateway.call(asked) for _ in range(2)] == [Refused(reason)] * 2
    found = gateway.find(asked)
    assert isinstance(found, Refused)


def test_a_free_order_asks_nothing_of_stripe(gateway: StripeGateway, stripe: Stripe) -> None:
    stripe.plan("busy")
    answers = [gateway.call(wish(kind, "pm_x", 0)) for kind in ("AUTHORIZE", "CAPTURE", "VOID")]
    assert answers == [Accepted()] * 3
    assert isinstance(gateway.call(wish("AUTHORIZE", "pm_x")), Unknown)  # so the fault was unused


def test_what_nobody_knows_is_refused(gateway: StripeGateway) -> None:
    assert gateway.call(wish("AUTHORIZE", "pm_nobody")) == Refused("unknown_token")
    for kind in ("CAPTURE", "VOID", "REFUND"):
        for reference in ("pi_nobody", ""):
            unknown = wish(kind, reference=reference)
            assert gateway.call(unknown) == Refused("unknown_token")
            assert gateway.find(unknown) == NotFound()


class TestTheSameWish:
    def test_acts_once(self, gateway: StripeGateway, stripe: Stripe) -> None:
        authorize = wish("AUTHORIZE", stripe.token())
        first, second = gateway.call(authorize), gateway.call(authorize)
        assert isinstance(first, Accepted)
        assert isinstance(second, Accepted)
        assert first.reference == second.reference
        for kind, amount in (("CAPTURE", 900), ("REFUND", 200)):
            again = wish(kind, amount=amount, reference=first.reference)
            assert [gateway.call(again) for _ in range(3)] == [Accepted()] * 3
        assert stripe.money(first.reference) == ("succeeded", 900, 200)

    def test_acts_once_though_its_key_is_forgotten(
        self, gateway: StripeGateway, stripe: Stripe
    ) -> None:
        reference = held(gateway, stripe)
        done = []
        for kind, amount in (("CAPTURE", 900), ("REFUND", 200)):
            done.append(wish(kind, amount=amount, reference=reference))
            assert gateway.call(done[-1]) == Accepted()
        stripe.forget_keys()

        assert [gateway.find(each) for each in done] == [Accepted(), Accepted()]
        assert gateway.call(done[0]) == Accepted()  # in the wrong state, because it was done
        assert stripe.money(reference) == ("succeeded", 900, 200)

    def test_of_yesterday_is_found_with_its_name(
        self, gateway: StripeGateway, stripe: Stripe
    ) -> None:
        authorize = wish("AUTHORIZE", stripe.token())
        answer = gateway.call(authorize)
        stripe.forget_keys()

        found = gateway.find(authorize)

        assert isinstance(answer, Accepted)
        assert isinstance(found, Accepted)
        assert (found.reference, found.held_until) == (answer.reference, answer.held_until)

    def test_that_was_not_done_is_not_found(self, gateway: StripeGateway, stripe: Stripe) -> None:
        reference = captured(gateway, stripe)
        assert gateway.find(wish("AUTHORIZE", stripe.token())) == NotFound()
        for kind in ("CAPTURE", "VOID", "REFUND"):
            assert gateway.find(wish(kind, reference=reference)) == NotFound()


class TestTrouble:
    @pytest.mark.parametrize(
        ("fault", "why"),
        [("busy", "RateLimitError 429"), ("nonsense", "APIError 502")],
    )
    def test_is_unknown_and_the_same_wish_succeeds_later(
        self, gateway: StripeGateway, stripe: Stripe, fault: str, why: str
    ) -> None:
        asked = wish("AUTHORIZE", stripe.token())
        stripe.plan(fault)
        assert gateway.call(asked) == Unknown(why)
        assert gateway.call(asked) == Accepted()

    def test_of_an_answer_that_came_too_late_is_settled_by_the_same_wish(
        self, gateway: StripeGateway, stripe: Stripe
    ) -> None:
        asked = wish("AUTHORIZE", stripe.token())
        stripe.plan("late")
        assert gateway.call(asked) == Unknown("APIConnectionError")
        assert gateway.call(asked) == Accepted()
        made = [each for each in stripe.intents() if each["payment_method"] == asked.token]
        assert len(made) == 1

    @pytest.mark.parametrize("kind", ["AUTHORIZE", "CAPTURE", "VOID", "REFUND"])
    def test_after_the_work_is_settled_by_the_books(
        self, gateway: StripeGateway, stripe: Stripe, kind: str
    ) -> None:
        """Stripe remembers a server error under its key: asking again would tell no more."""
        prepare = {"CAPTURE": held, "VOID": held, "REFUND": captured}
        reference = prepare[kind](gateway, stripe) if kind in prepare else ""
        asked = wish(kind, stripe.token(), reference=reference)
        stripe.plan("error after work")
        assert gateway.call(asked) == Accepted()
        assert gateway.call(asked) == Accepted()

    def test_with_our_own_key_is_no_verdict_on_the_payment(self, stripe: Stripe) -> None:
        stranger = StripeGateway("rk_wrong", url=stripe.url)
        asked = wish("VOID", reference="pi_x")
        assert stranger.call(asked) == Unknown("AuthenticationError 401")
        assert stranger.find(asked) == Unknown("AuthenticationError 401")

    def test_where_nobody_listens_is_unknown(self) -> None:
        nowhere = StripeGateway("sk_test", url=f"http://127.0.0.1:{free_port()}")
        asked = wish("CAPTURE", reference="pi_x")
        assert nowhere.call(asked) == Unknown("APIConnectionError")
        assert nowhere.find(asked) == Unknown("APIConnectionError")

    def test_of_a_key_with_another_request_is_never_a_verdict(
        self, gateway: StripeGateway, stripe: Stripe
    ) -> None:
        asked = wish("CAPTURE", reference=held(gateway, stripe))
        gateway.call(asked)
        other = Wish(**{**vars(asked), "amount": 1})
        answer: Answer = gateway.call(other)
        assert answer == Unknown("IdempotencyError 400")


class TestWebhooks:
    def test_of_a_capture_is_believed_and_tells_the_wish(
        self, gateway: StripeGateway, stripe: Stripe, stripe_listener: Listener
    ) -> None:
        capture = wish("CAPTURE", reference=held(gateway, stripe))
        gateway.call(capture)

        received = stripe_listener.of(capture.reference, "payment_intent.succeeded")

        assert (
            gateway.read_webhook(received.body, received.headers, at=timezone.now()) == capture.id
        )
        with pytest.raises(UntrustedWebhook):
            gateway.read_webhook(received.body + b" ", received.headers, at=timezone.now())
        later = timezone.now() + dt.timedelta(seconds=310)
        with time_machine.travel(later, tick=False), pytest.raises(UntrustedWebhook):
            gateway.read_webhook(received.body, received.headers, at=later)

    @pytest.mark.parametrize(
        "header", ["", "nonsense", "t=x,v1=y", "t=1", "v1=0", "t=1,v1=é"], ids=str
    )
    def test_with_a_strange_signature_is_refused(self, gateway: StripeGateway, header: str) -> None:
        with pytest.raises(UntrustedWebhook):
            gateway.read_webhook(b"{}", {"Stripe-Signature": header}, at=timezone.now())

    @pytest.mark.parametrize(
        "body", ["", "[]", "{}", '{"type": "refund.created", "data": {"object": {}}}', '{"type":1}']
    )
    def test_that_speaks_of_no_wish_is_acknowledged(
        self, gateway: StripeGateway, body: str
    ) -> None:
        header = library.WebhookSignature.generate_signature_header(body, WEBHOOK_SECRET)
        headers = {"Stripe-Signature": header}
        assert gateway.read_webhook(body.encode(), headers, at=timezone.now()) is None

    def test_without_a_secret_is_never_believed(self, stripe: Stripe) -> None:
        header = library.WebhookSignature.generate_signature_header("{}", "")
        with pytest.raises(UntrustedWebhook):
            StripeGateway("sk_test", url=stripe.url).read_webhook(
                b"{}", {"Stripe-Signature": header}, at=timezone.now()
            )


def test_an_amount_that_stripe_does_not_know_is_refused(gateway: StripeGateway) -> None:
    asked = wish("AUTHORIZE", "pm_x", 1_251, currency="KWD")
    assert gateway.call(asked) == Refused("unusable_amount")
