"""Differences that were put on purpose between the shop's books and the real payment_3p's."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import uuid
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.payment import queries, usecases
from apps.payment.gateway import Payment3P, installed
from apps.payment.gateway.fake import fee_of
from apps.payment.models import Difference, Operation, Reconciliation
from kernel.bus.testing import published
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.payment.scenes import Order, flow, money, names, publish_all, say, told
from tests.payment_3p import server
from tests.payment_3p.conftest import Api

pytestmark = pytest.mark.django_db

NO_CAPTURE, DECLINED, BROKEN = "4000000000000341", "4000000000000002", "4000000000000119"


@pytest.fixture
def shop(api: Api) -> Iterator[Api]:
    """Let the shop pay at the real payment_3p, whose books begin empty."""
    api.execute("TRUNCATE payment_3p_entry RESTART IDENTITY")
    gateway = Payment3P(api.url, api_key=server.API_KEY)
    with installed(gateway):
        yield api
    gateway.close()


def today() -> dt.date:
    return timezone.now().astimezone(dt.UTC).date()


def reconcile() -> list[dict[str, Any]]:
    """Compare today's books by the command, and return the differences that it tells."""
    out, options = StringIO(), {"date": today(), "json": True, "stderr": StringIO()}
    with contextlib.suppress(CommandError):
        call_command("payment", "reconcile", stdout=out, **options)
    [report] = json.loads(out.getvalue())
    found: list[dict[str, Any]] = report["differences"]
    return found


def the_difference(kind: str, **facts: Any) -> uuid.UUID:
    """Find the one difference there is, see that it was told, and return its id."""
    [found] = reconcile()
    assert found == {**found, "kind": kind, **facts}
    [alarm] = [e for e in published() if e.name == "payment.reconciliation_differed.v1"]
    assert alarm.differences == {kind: 1}  # type: ignore[attr-defined]
    return uuid.UUID(found["id"])


def decide(use_case: Any, difference_id: uuid.UUID, **asked: Any) -> None:
    with transaction():
        use_case(difference_id=difference_id, at=timezone.now(), **asked)
    flow()


def state_of(difference_id: uuid.UUID) -> str:
    return Difference.objects.get(id=difference_id).state


def operation(order: Order, kind: str) -> Operation:
    return order.payment.operations.get(kind=kind)


def captured(shop: Api, total: int = 10_000) -> Order:
    order = Order(shop, total=total)  # type: ignore[arg-type] -- gives tokens, as the fake does
    say(order.placed(), order.fulfilled())
    assert money(order.payment) == ("CAPTURED", total, total, 0)
    return order


def assert_clean(order: Order, shop: Api, *, captured: int, refunded: int, held: int = 0) -> None:
    """See that all books agree: the gateway's, the payment's, the ledger's, and a further look."""
    assert reconcile() == []
    books = shop.books(order.token)
    assert (books["held"], books["captured"], books["refunded"]) == (held, captured, refunded)
    assert (order.payment.captured, order.payment.refunded) == (captured, refunded)
    assert list(queries.disagreeing()) == []


class TestBooksThatAgree:
    def test_are_compared_page_by_page_and_found_to_agree(self, shop: Api) -> None:
        orders = [captured(shop, 10_000 + n) for n in range(60)]
        orders[0].refund(500)
        flow()

        assert reconcile() == []
        run = Reconciliation.objects.get()
        assert (run.state, run.entries, run.looked_up, run.differences) == ("DONE", 121, 0, 0)
        assert "reconciliation_differed" not in names()
        assert not Operation.objects.filter(reconciled_at=None).exists()

    def test_are_not_disturbed_by_midnight_between_the_work_and_its_answer(self, shop: Api) -> None:
        captured(shop)
        shop.execute("UPDATE payment_3p_entry SET made_at = made_at - interval '1 day'")
        assert reconcile() == []
        assert Reconciliation.objects.get().looked_up == 2


class TestWhatIsMissingAtTheGateway:
    @pytest.fixture
    def order(self, shop: Api) -> Order:
        order = captured(shop)
        refund = order.refund(3_000)
        flow()
        shop.execute("DELETE FROM payment_3p_entry WHERE reference = %s", str(refund))
        shop.execute("DELETE FROM payment_3p_answer WHERE key = %s", str(refund))
        change_payment(shop, order, "refunded = 0")
        return order

    def test_is_done_there_when_it_is_asked_again_and_counts_once(
        self, order: Order, shop: Api
    ) -> None:
        found = the_difference(
            "MISSING_AT_GATEWAY", doing="REFUND", our_amount=3_000, their_amount=None
        )
        before = names()
        decide(usecases.ask_gateway_again, found)

        assert state_of(found) == "REMEDIED"
        assert [name for name in names() if name == "refunded"] == ["refunded"]
        assert len(names()) == len(before) + 2  # asked, and settled
        assert_clean(order, shop, captured=10_000, refunded=3_000)

    def test_stays_open_when_the_gateway_refuses_it(self, order: Order, shop: Api) -> None:
        found = the_difference("MISSING_AT_GATEWAY")
        change_payment(shop, order, "captured = 100")
        decide(usecases.ask_gateway_again, found)

        difference = Difference.objects.get(id=found)
        assert (difference.state, difference.refusal) == ("OPEN", "amount_too_high")
        decide(usecases.accept_difference, found, reason="The bank paid it back by hand.")
        assert reconcile() == []

    def test_is_gone_when_the_books_show_it_later(self, order: Order, shop: Api) -> None:
        found = the_difference("MISSING_AT_GATEWAY")
        shop.post("/refund", order.token, key=str(operation(order, "REFUND").id), amount=3_000)
        assert reconcile() == []
        assert state_of(found) == "GONE"


class TestWhatIsMissingHere:
    def test_is_taken_over_where_the_payment_is_known(self, shop: Api) -> None:
        order = captured(shop)
        assert shop.post("/refund", order.token, amount=2_500).json() == {"ok": True}  # by hand
        found = the_difference(
            "MISSING_HERE",
            doing="REFUND",
            our_amount=None,
            their_amount=2_500,
            order_id=str(order.id),
        )
        decide(usecases.take_over, found)

        assert state_of(found) == "REMEDIED"
        assert money(order.payment) == ("REFUNDED", 10_000, 10_000, 2_500)
        assert names().count("refunded") == 1
        assert_clean(order, shop, captured=10_000, refunded=2_500)

    def test_keeps_the_name_that_the_gateway_has_for_it(self, shop: Api) -> None:
        order, reference = captured(shop), new_id()
        shop.post("/refund", order.token, key=str(reference), amount=2_500)
        decide(usecases.take_over, the_difference("MISSING_HERE"))
        assert operation(order, "REFUND").id == reference
        assert_clean(order, shop, captured=10_000, refunded=2_500)

    @pytest.mark.parametrize("is_captured", [False, True])
    def test_is_undone_at_the_gateway_where_no_payment_is_known(
        self, shop: Api, is_captured: bool
    ) -> None:
        token = shop.preauth(amount=700)
        shop.post("/check", token, key=str(new_id()), amount=700)
        if is_captured:
            shop.post("/processPayment", token, key="by hand")
        for found in reconcile():
            assert (found["kind"], found["order_id"]) == ("MISSING_HERE", None)
            assert found["remedies"] == ["UNDO", "ACCEPT"]
            if found["doing"] == "CAPTURE" or not is_captured:
                decide(usecases.undo_at_gateway, uuid.UUID(found["id"]))
            else:
                decide(usecases.accept_difference, uuid.UUID(found["id"]), reason="was captured")

        books = shop.books(token)
        assert (books["held"], books["captured"] - books["refunded"]) == (0, 0)
        assert reconcile() == []

    def test_is_refused_where_the_payments_state_does_not_allow_it(self, shop: Api) -> None:
        order = captured(shop)
        shop.execute(
            "INSERT INTO payment_3p_entry (payment_id, operation, amount, fee, reference, made_at)"
            " SELECT id, 'cancelPayment', 5, 0, '', now() FROM payment_3p_payment"
            " WHERE token = %s",
            order.token,
        )
        found, before = the_difference("MISSING_HERE", doing="VOID"), told()
        with pytest.raises(usecases.NotTakenOver):
            decide(usecases.take_over, found)
        assert (state_of(found), told()) == ("OPEN", before)
        assert order.payment.operations.count() == 2


def test_a_report_for_people_tells_each_difference_and_fails(shop: Api) -> None:
    order, out = captured(shop), StringIO()
    change_entry(shop, order, "processPayment", "amount = 9_900")
    with pytest.raises(CommandError, match="The books differ") as error:
        call_command("payment", "reconcile", date=today(), stdout=out, stderr=StringIO())
    assert error.value.returncode == 1
    assert "2 entries in its books, 0 of ours looked up, 1 difference." in out.getvalue()
    assert "Another amount: CAPTURE, we say €100.00, they say €99.00" in out.getvalue()


def test_another_amount_is_taken_over(shop: Api) -> None:
    order = captured(shop)
    change_entry(shop, order, "processPayment", "amount = 9_900")
    change_payment(shop, order, "captured = 9_900")
    found = the_difference("AMOUNT_DIFFERS", doing="CAPTURE", our_amount=10_000, their_amount=9_900)
    decide(usecases.take_over, found)

    assert_clean(order, shop, captured=9_900, refunded=0)
    balances = {account: amount for (account, _), amount in queries.balances(order.id).items()}
    assert balances["REVENUE"] == -9_900
    assert balances["CLEARING"] == 9_900 - fee_of(10_000)


def test_an_amount_that_could_not_be_is_not_taken_over(shop: Api) -> None:
    order = captured(shop)
    change_entry(shop, order, "processPayment", "amount = 10_001")
    found = the_difference("AMOUNT_DIFFERS")
    with pytest.raises(usecases.NotTakenOver):
        decide(usecases.take_over, found)
    assert money(order.payment) == ("CAPTURED", 10_000, 10_000, 0)


def test_another_fee_is_taken_over(shop: Api) -> None:
    order = captured(shop)
    change_entry(shop, order, "processPayment", "fee = 99")
    found = the_difference("FEE_DIFFERS", our_fee=fee_of(10_000), their_fee=99)
    decide(usecases.take_over, found)

    assert queries.balances(order.id)["FEES", "EUR"] == 99
    assert_clean(order, shop, captured=10_000, refunded=0)


class TestWhatWasDoneThereAndNotHere:
    def test_is_asked_for_again_while_it_is_wished(self, shop: Api) -> None:
        order = Order(shop, card=BROKEN, total=800)  # type: ignore[arg-type]
        publish_all(order.placed())
        with pytest.raises(AssertionError, match="status 500"):
            flow()
        found = the_difference("STATE_DIFFERS", doing="AUTHORIZE", their_amount=800)
        decide(usecases.ask_gateway_again, found)

        assert (state_of(found), money(order.payment)) == ("REMEDIED", ("AUTHORIZED", 800, 0, 0))
        assert names().count("authorized") == 1
        assert_clean(order, shop, captured=0, refunded=0, held=800)

    def test_is_taken_over_where_it_had_been_refused(self, shop: Api) -> None:
        order = Order(shop, card=NO_CAPTURE, total=800)  # type: ignore[arg-type]
        say(order.placed(), order.fulfilled())
        do_behind_our_back(shop, order, "processPayment", "CAPTURE", fee=36)
        change_payment(shop, order, "state = 'CAPTURED', captured = 800, held = 0")
        found = the_difference("STATE_DIFFERS", doing="CAPTURE", our_amount=800, their_fee=36)
        decide(usecases.take_over, found)

        assert money(order.payment) == ("CAPTURED", 800, 800, 0)
        assert names()[-2:] == ["captured", "difference_settled"]
        assert queries.balances(order.id)["FEES", "EUR"] == 36
        assert_clean(order, shop, captured=800, refunded=0)

    def test_is_undone_where_it_was_declined(self, shop: Api) -> None:
        order = Order(shop, card=DECLINED, total=800)  # type: ignore[arg-type]
        say(order.placed())
        do_behind_our_back(shop, order, "check", "AUTHORIZE")
        change_payment(shop, order, "state = 'HELD', held = 800")
        found = the_difference("STATE_DIFFERS", doing="AUTHORIZE")
        with pytest.raises(usecases.NotTakenOver):
            decide(usecases.take_over, found)
        decide(usecases.undo_at_gateway, found)

        assert state_of(found) == "REMEDIED"
        assert shop.books(order.token)["state"] == "CANCELLED"
        assert money(order.payment) == ("DECLINED", 0, 0, 0)
        assert_clean(order, shop, captured=0, refunded=0)


def change_entry(shop: Api, order: Order, operation: str, change: str) -> None:
    shop.execute(
        f"UPDATE payment_3p_entry SET {change} FROM payment_3p_payment AS payment"
        " WHERE payment.id = payment_id AND token = %s AND operation = %s",
        order.token,
        operation,
    )


def change_payment(shop: Api, order: Order, change: str) -> None:
    shop.execute(f"UPDATE payment_3p_payment SET {change} WHERE token = %s", order.token)


def do_behind_our_back(shop: Api, order: Order, done: str, kind: str, *, fee: int = 0) -> None:
    """Let the gateway's books show what it had refused."""
    shop.execute(
        "INSERT INTO payment_3p_entry (payment_id, operation, amount, fee, reference, made_at)"
        " SELECT id, %s, 800, %s, %s, now() FROM payment_3p_payment WHERE token = %s",
        done,
        fee,
        str(operation(order, kind).id),
        order.token,
    )
