"""What Stripe's books tell of a day, and what a comparison with ours finds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone

from apps.payment import errands, queries, usecases
from apps.payment.gateway import (
    BookEntry,
    BooksPage,
    FakeGateway,
    StripeGateway,
    Unknown,
    Wish,
    installed,
)
from apps.payment.gateway.stripe import books
from apps.payment.models import Difference, LedgerEntry, Operation
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.payment.scenes import Order, flow, money, publish_all, say
from tests.payment_stripe.books import fee_of
from tests.payment_stripe.cards import DECLINED
from tests.payment_stripe.conftest import Stripe
from tests.payment_stripe.test_gateway import held, wish

pytestmark = pytest.mark.django_db


def today() -> dt.date:
    return timezone.now().astimezone(dt.UTC).date()


@pytest.fixture(autouse=True)
def nothing_was_done(stripe: Stripe) -> None:
    stripe.empty()


@pytest.fixture
def place(gateway: StripeGateway, stripe: Stripe) -> Iterator[Callable[..., Order]]:
    """Return what places an order that is paid by a card at Stripe, and lets the card be asked."""

    def order(total: int = 1_000) -> Order:
        made = Order(FakeGateway(), total=total)
        made.token = stripe.token()
        say(made.placed(gateway="stripe"))
        return made

    with installed(gateway, name="stripe"):
        yield order


def read(gateway: StripeGateway, on: dt.date | None = None) -> list[BookEntry]:
    """Return what all pages tell."""
    found: list[BookEntry] = []
    page = gateway.books(on or today())
    while isinstance(page, BooksPage):
        found += page.entries
        if not page.after:
            return found
        page = gateway.books(on or today(), after=page.after)
    raise AssertionError(page)


def reconcile() -> list[Difference]:
    with transaction():
        run = usecases.begin_reconciliation(gateway="stripe", on=today(), at=timezone.now())
    for _ in errands.reconcile(run.id):
        pass
    return list(queries.open_differences(run))


def shown(difference: Difference) -> tuple[str, str, int | None, int | None]:
    return (
        difference.kind,
        difference.doing,
        difference.our_amount,
        difference.their_amount,
    )


def remedied(remedy: Callable[..., None], difference: Difference) -> None:
    with transaction():
        remedy(difference_id=difference.id, at=timezone.now())
    flow()


class TestTheBooksOfADay:
    def test_tell_what_was_held_captured_and_given_back(
        self, gateway: StripeGateway, stripe: Stripe
    ) -> None:
        authorize = wish("AUTHORIZE", stripe.token())
        intent = gateway.call(authorize).reference  # type: ignore[union-attr]
        capture = wish("CAPTURE", amount=600, reference=intent)
        refund = wish("REFUND", amount=200, reference=intent)
        for each in (capture, refund):
            gateway.call(each)
        gateway.call(wish("AUTHORIZE", stripe.token(DECLINED)))

        found = read(gateway)

        charge = stripe.intent(intent)["latest_charge"]
        told = [
            (entry.reference, entry.kind, entry.amount, entry.fee, entry.id[:3]) for entry in found
        ]
        assert told == [
            (str(capture.id), "CAPTURE", 600, fee_of(600), "ch_"),
            (str(refund.id), "REFUND", 200, 0, "re_"),
            (str(authorize.id), "AUTHORIZE", 1_000, None, "pi_"),
        ]
        assert found[0].id == (charge if isinstance(charge, str) else charge["id"])
        facts = {(each.token, each.currency, each.payment_reference) for each in found}
        assert facts == {(authorize.token, "EUR", intent)}
        assert {each.made_at.date() for each in found} == {today()}

    def test_tell_an_amount_as_the_shop_counts_it(
        self, gateway: StripeGateway, stripe: Stripe
    ) -> None:
        gateway.call(wish("AUTHORIZE", stripe.token(), 1_250, currency="ISK"))
        [entry] = read(gateway)
        assert (entry.amount, entry.currency) == (1_250, "ISK")

    def test_come_in_pages_that_leave_nothing_out(
        self, gateway: StripeGateway, stripe: Stripe, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(3):
            intent = held(gateway, stripe)
            gateway.call(wish("CAPTURE", reference=intent))
            gateway.call(wish("REFUND", amount=100, reference=intent))
        whole = read(gateway)
        assert len(whole) == 9
        monkeypatch.setattr(books, "PAGE", 2)
        assert len(gateway.books(today()).entries) == 2  # type: ignore[union-attr]
        assert read(gateway) == whole

    def test_tell_nothing_of_another_day(self, gateway: StripeGateway, stripe: Stripe) -> None:
        held(gateway, stripe)
        day = dt.timedelta(days=1)
        assert read(gateway, today() - day) == read(gateway, today() + day) == []

    def test_are_unknown_while_stripe_is_away(self, gateway: StripeGateway, stripe: Stripe) -> None:
        stripe.plan("busy", "nonsense")
        answers = [gateway.books(today()) for _ in range(2)]
        assert answers == [Unknown("RateLimitError 429"), Unknown("APIError 502")]


class TestAComparison:
    def test_finds_nothing_where_all_is_well_and_learns_the_fees(
        self, place: Callable[..., Order]
    ) -> None:
        kept, given_up, free = place(), place(), place(0)
        publish_all(kept.modified(700), kept.fulfilled(700), given_up.cancelled(), free.fulfilled())
        flow()
        kept.refund(200)
        flow()

        assert reconcile() == []
        assert money(kept.payment) == ("REFUNDED", 1_000, 700, 200)
        assert kept.payment.operations.get(kind="CAPTURE").fee == fee_of(700)
        fees = LedgerEntry.objects.filter(debit="FEES").values_list("amount", flat=True)
        assert list(fees) == [fee_of(700)]
        assert not Operation.objects.filter(state="DONE", reconciled_at=None).exists()

    def test_finds_a_hold_that_the_shop_never_heard_of_and_staff_release_it(
        self, place: Callable[..., Order], gateway: StripeGateway, stripe: Stripe
    ) -> None:
        place()
        intent = held(gateway, stripe, 900)

        [found] = reconcile()
        assert shown(found) == ("MISSING_HERE", "AUTHORIZE", None, 900)
        assert (found.entry, found.payment_reference) == (intent, intent)

        remedied(usecases.undo_at_gateway, found)
        assert stripe.money(intent) == ("canceled", 0, 0)
        assert reconcile() == []

    def test_finds_what_was_given_back_by_hand_and_takes_it_over(
        self, place: Callable[..., Order], stripe: Stripe
    ) -> None:
        order = place()
        say(order.fulfilled())
        stripe.by_hand("refunds", payment_intent=order.payment.reference, amount=300)

        [found] = reconcile()
        assert shown(found) == ("MISSING_HERE", "REFUND", None, 300)

        remedied(usecases.take_over, found)
        assert money(order.payment) == ("REFUNDED", 1_000, 1_000, 300)
        assert reconcile() == []

    def test_finds_a_capture_by_hand_which_can_be_given_back(
        self, place: Callable[..., Order], stripe: Stripe
    ) -> None:
        order = place()
        reference = order.payment.reference
        stripe.by_hand(f"payment_intents/{reference}/capture", amount_to_capture=1_000)

        [found] = reconcile()
        assert shown(found) == ("MISSING_HERE", "CAPTURE", None, 1_000)

        remedied(usecases.undo_at_gateway, found)
        [given_back] = stripe.refunds(reference)
        assert (given_back["amount"], given_back["metadata"]["refund"]) == (1_000, str(found.id))
        assert reconcile() == []

    def test_finds_what_stripe_has_not_done_and_another_amount(
        self, place: Callable[..., Order]
    ) -> None:
        order = place()
        say(order.fulfilled())
        order.refund(100)
        flow()
        order.payment.operations.filter(kind="REFUND").update(amount=90)
        lost = Operation.objects.create(
            payment=order.payment,
            kind="REFUND",
            amount=50,
            state="DONE",
            created_at=timezone.now(),
            answered_at=timezone.now(),
            next_ask_at=timezone.now(),
        )

        found = reconcile()

        assert sorted(map(shown, found)) == [
            ("AMOUNT_DIFFERS", "REFUND", 90, 100),
            ("MISSING_AT_GATEWAY", "REFUND", 50, None),
        ]
        assert lost.id in {each.operation_id for each in found}
        missing = next(each for each in found if each.kind == "MISSING_AT_GATEWAY")
        remedied(usecases.ask_gateway_again, missing)
        assert [each.kind for each in reconcile()] == ["AMOUNT_DIFFERS"]

    def test_goes_on_where_it_stood_when_stripe_was_away(
        self, place: Callable[..., Order], stripe: Stripe
    ) -> None:
        place()
        stripe.plan("busy")
        with pytest.raises(errands.GatewaySilent):
            reconcile()
        assert reconcile() == []


def test_an_authorization_that_is_taken_over_can_be_captured(
    place: Callable[..., Order], stripe: Stripe
) -> None:
    order = Order(FakeGateway())
    order.token = stripe.token()
    publish_all(order.placed(gateway="stripe"))
    stripe.plan("late")
    with pytest.raises(AssertionError):
        flow()  # held, and nobody was told
    [found] = reconcile()
    assert (found.kind, found.our_state) == ("STATE_DIFFERS", "WISHED")

    remedied(usecases.take_over, found)

    assert order.payment.reference == found.payment_reference == found.entry
    say(order.fulfilled())
    assert money(order.payment) == ("CAPTURED", 1_000, 1_000, 0)
    assert stripe.money(order.payment.reference) == ("succeeded", 1_000, 0)


def test_a_wish_of_nothing_is_done_without_stripe(gateway: StripeGateway, stripe: Stripe) -> None:
    stripe.plan("busy")
    nothing = Wish(
        id=new_id(),
        order_id=new_id(),
        kind="AUTHORIZE",
        gateway="stripe",
        token="",
        amount=0,
        currency="EUR",
    )
    assert gateway.find(nothing) == gateway.call(nothing)
    stripe.plan()
