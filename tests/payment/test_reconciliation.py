"""How the comparison goes on: day by day, step by step, whoever dies on the way."""

from __future__ import annotations

import dataclasses
import datetime as dt
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import IntegrityError

from apps.payment import errands, gateway, handlers, queries, usecases
from apps.payment.errands import GatewaySilent
from apps.payment.gateway import (
    Accepted,
    BookEntry,
    BooksPage,
    FakeGateway,
    Unknown,
    Wish,
    installed,
)
from apps.payment.gateway import fake as fakes
from apps.payment.gateway.fake import GOOD_CARD, SILENT_CARDS, fee_of
from apps.payment.jobs import reconcile_days_that_are_over
from apps.payment.models import Difference, Operation, Reconciliation, RemedyImpossible
from apps.payment.usecases.reconciliation import MAX_LOOKED_UP
from kernel import limits, tracing
from kernel.bus.models import OutboxEvent
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.payment.scenes import Order, flow, money, names, publish_all, run_stubbornly, say

pytestmark = pytest.mark.django_db

TODAY, YESTERDAY = NOON.date(), NOON.date() - dt.timedelta(days=1)
DAY = dt.timedelta(days=1)
BROKEN_CARD = list(SILENT_CARDS)[1]


@pytest.fixture(autouse=True)
def at_noon() -> Any:
    with time_machine.travel(NOON, tick=True) as clock:
        yield clock


def begin(on: dt.date = TODAY) -> Reconciliation:
    with transaction():
        return usecases.begin_reconciliation(gateway="payment_3p", on=on, at=NOON)


def reconcile(on: dt.date = TODAY) -> list[Difference]:
    run = begin(on)
    for _ in errands.reconcile(run.id):
        pass
    return list(queries.open_differences(run))


class LongBook(FakeGateway):
    """A gateway with a great many refunds of one order, told from a list of nothing but ids."""

    def __init__(self, order: Order) -> None:
        super().__init__()
        self._order, self._payment = order, order.payment

    def write(self, number: int) -> None:
        """Let the shop have so many refunds more."""
        for begin in range(0, number, 500):
            Operation.objects.bulk_create(
                Operation(
                    payment=self._payment,
                    kind="REFUND",
                    amount=1,
                    state="DONE",
                    created_at=NOON,
                    answered_at=NOON,
                    next_ask_at=NOON,
                )
                for _ in range(begin, min(begin + 500, number))
            )

    def books(self, on: dt.date, *, after: str = "") -> BooksPage:
        rows = Operation.objects.filter(kind="REFUND").order_by("id")
        page = (rows.filter(id__gt=after) if after else rows)[:100]
        entries = [
            BookEntry(
                id=str(row.id),
                reference=str(row.id),
                token=self._order.token,
                kind="REFUND",
                amount=1,
                currency="EUR",
                fee=None,
                made_at=NOON,
            )
            for row in page
        ]
        return BooksPage(tuple(entries), after=entries[-1].id if len(entries) == 100 else "")

    def find(self, wish: Wish) -> Accepted:
        return Accepted()


def captured(fake: FakeGateway, total: int = 1_000) -> Order:
    order = Order(fake, total=total)
    say(order.placed(), order.fulfilled())
    return order


def change(fake: FakeGateway, index: int, **changes: Any) -> None:
    fake.entries[index] = dataclasses.replace(fake.entries[index], **changes)


def days() -> list[tuple[str, str]]:
    rows = Reconciliation.objects.order_by("begun_at", "on")
    return [(str(on), state) for on, state in rows.values_list("on", "state")]


def test_a_gateway_that_was_never_paid_at_is_not_compared(fake: FakeGateway) -> None:
    reconcile_days_that_are_over()
    assert days() == []


class TestTheJob:
    @pytest.fixture(autouse=True)
    def is_in_use(self, fake: FakeGateway) -> None:
        say(Order(fake).placed())

    def test_compares_yesterday_once_its_books_are_closed(
        self, fake: FakeGateway, at_noon: Any
    ) -> None:
        at_noon.move_to("2026-03-02T01:59Z")
        reconcile_days_that_are_over()
        at_noon.move_to("2026-03-02T02:01Z")
        reconcile_days_that_are_over()
        reconcile_days_that_are_over()
        flow()
        assert days() == [("2026-02-28", "DONE"), ("2026-03-01", "DONE")]

    def test_makes_up_for_days_that_were_missed_but_not_for_all(
        self, fake: FakeGateway, at_noon: Any
    ) -> None:
        reconcile_days_that_are_over()
        at_noon.move_to("2026-03-04T12:00Z")
        reconcile_days_that_are_over()
        assert [on for on, _ in days()] == ["2026-02-28", "2026-03-01", "2026-03-02", "2026-03-03"]
        at_noon.move_to("2026-06-01T12:00Z")
        reconcile_days_that_are_over()
        assert len(days()) == 4 + 7

    def test_compares_a_day_anew_each_night_while_something_differs(
        self, fake: FakeGateway, at_noon: Any
    ) -> None:
        captured(fake)
        change(fake, 2, fee=1)
        for hour in ("02T12:00", "02T13:00", "03T12:00"):
            at_noon.move_to(f"2026-03-{hour}Z")
            reconcile_days_that_are_over()
            flow()
        assert [on for on, _ in days()] == ["2026-03-01", "2026-03-01", "2026-03-02"]
        assert names().count("reconciliation_differed") == 2
        difference = Difference.objects.get()
        with transaction():
            usecases.take_over(difference_id=difference.id, at=NOON)
        at_noon.move_to("2026-03-04T12:00Z")
        reconcile_days_that_are_over()
        assert [on for on, _ in days()][3:] == ["2026-03-03"]

    def test_takes_up_again_what_lost_its_process(self, fake: FakeGateway, at_noon: Any) -> None:
        run = begin(YESTERDAY)
        at_noon.move_to(NOON + dt.timedelta(minutes=59))
        reconcile_days_that_are_over()
        flow()
        assert days() == [("2026-02-28", "BOOKS")]
        at_noon.move_to(NOON + dt.timedelta(minutes=61))
        reconcile_days_that_are_over()
        reconcile_days_that_are_over()
        assert names().count("reconciliation_requested") == 1
        flow()
        run.refresh_from_db()
        assert run.state == "DONE"

    def test_leaves_gateways_alone_that_tell_no_books(self, fake: FakeGateway) -> None:
        fake.has_books = False
        reconcile_days_that_are_over()
        assert days() == []
        with pytest.raises(usecases.GatewayWithoutBooks):
            begin()


class TestTheErrand:
    @pytest.fixture(autouse=True)
    def small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fakes, "BOOKS_PAGE", 2)

    def test_goes_on_in_the_next_message_when_its_time_is_over(
        self, fake: FakeGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(3):
            captured(fake)
        monkeypatch.setattr(handlers, "RECONCILING_SECONDS", -1)
        with transaction():
            usecases.request_reconciliation(gateway="payment_3p", on=TODAY, at=NOON)
        flow()
        run = Reconciliation.objects.get()
        assert (run.state, run.entries, run.differences) == ("DONE", 6, 0)
        assert names().count("reconciliation_requested") == 1 + 3

    def test_can_end_after_any_step_and_be_run_by_two_at_once(self, fake: FakeGateway) -> None:
        orders = [captured(fake) for _ in range(3)]
        change(fake, 3, amount=999)
        run = begin()
        first, second = errands.reconcile(run.id), errands.reconcile(run.id)
        next(first)
        next(second)
        first.close()
        asked = usecases.ReadBooks("payment_3p", TODAY, after="")
        late = fake.books(TODAY)
        with transaction():  # who read the first page, and comes last
            usecases.note_books(reconciliation_id=run.id, asked=asked, page=late, at=NOON)  # type: ignore[arg-type]
        assert list(second) == [None]
        run.refresh_from_db()
        assert (run.entries, run.looked_up, run.differences) == (6, 0, 1)
        assert Difference.objects.get().payment_id == orders[1].id

    def test_looks_up_what_the_books_do_not_show_a_few_at_a_time(
        self, fake: FakeGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("apps.payment.usecases.reconciliation.MAX_LOOKED_UP", 2)
        lost = [captured(fake) for _ in range(2)]
        fake.entries.clear()  # it still knows of each, if it is asked
        del fake.done[lost[0].payment.operations.get(kind="CAPTURE").id]
        found = reconcile()
        assert [(each.kind, each.payment_id) for each in found] == [
            ("MISSING_AT_GATEWAY", lost[0].id)
        ]
        assert Reconciliation.objects.get().looked_up == 4

    @pytest.mark.parametrize("what", ["books", "find"])
    def test_waits_for_a_gateway_that_is_silent(
        self, fake: FakeGateway, monkeypatch: pytest.MonkeyPatch, what: str
    ) -> None:
        captured(fake)
        fake.entries.clear()
        run = begin()
        with monkeypatch.context() as patch:
            patch.setattr(fake, what, lambda *_, **__: Unknown("ReadTimeout"))
            with pytest.raises(GatewaySilent, match="ReadTimeout"):
                list(errands.reconcile(run.id))
            with pytest.raises(CommandError, match="Run it again") as error:
                call_command("payment", "reconcile", date=TODAY)
            assert error.value.returncode == 2
        list(errands.reconcile(run.id))
        run.refresh_from_db()
        assert (run.state, run.differences) == ("DONE", 0)

    def test_asks_as_a_part_of_the_commands_own_trace(
        self, fake: FakeGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        causes = []

        def begin(name: str, kind: str, cause: str) -> tracing.Span:
            if kind == "client":
                causes.append(cause)
            return tracing.Span(f"of {name}")

        captured(fake)
        fake.entries.clear()
        monkeypatch.setattr(tracing, "_begin", begin)
        call_command("payment", "reconcile", date=TODAY)
        assert causes == ["of payment.reconcile"] * 2

    def test_takes_as_many_statements_for_a_page_whatever_is_on_it(
        self,
        fake: FakeGateway,
        monkeypatch: pytest.MonkeyPatch,
        django_assert_max_num_queries: Callable[[int], Any],
    ) -> None:
        monkeypatch.setattr(fakes, "BOOKS_PAGE", 100)
        for _ in range(40):
            captured(fake)
        with django_assert_max_num_queries(25):
            assert reconcile() == []

    def test_ends_its_last_step_within_its_task(self) -> None:
        slowest = limits.CONNECT_SECONDS + limits.READ_SECONDS
        longest = handlers.RECONCILING_SECONDS + MAX_LOOKED_UP * slowest
        assert longest < limits.TASK_SECONDS

    def test_needs_no_more_memory_for_a_long_day_than_for_a_short_one(
        self, order: Order, fake: FakeGateway
    ) -> None:
        say(order.placed(), order.fulfilled())
        book = LongBook(order)
        peaks = {}
        for number in (200, 1_200):
            book.write(number)
            with installed(book):
                tracemalloc.start()
                assert reconcile() == []
                peaks[number] = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
        assert {run.entries for run in Reconciliation.objects.all()} == {200, 1_400}
        assert peaks[1_200] < 1.2 * peaks[200]

    def test_refuses_a_day_to_come(self, fake: FakeGateway) -> None:
        with pytest.raises(usecases.DayNotBegun):
            begin(TODAY + DAY)
        with pytest.raises(CommandError, match="Nothing was done yet"):
            call_command("payment", "reconcile", date=TODAY + DAY)


class TestFees:
    def test_that_come_with_the_books_alone_are_entered_then(self, order: Order) -> None:
        say(order.placed())
        with transaction():
            wish = usecases.note_fulfilled(
                order_id=order.id, version=9, total=1_000, currency="EUR", at=NOON
            )
            assert wish
            usecases.take_answer(
                order_id=order.id, operation_id=wish.id, answer=Accepted(), at=NOON
            )
        assert "FEES" not in {account for account, _ in queries.balances(order.id)}
        gateway.carry_out(wish)
        for _ in range(2):
            assert reconcile() == []
        assert queries.balances(order.id)["FEES", "EUR"] == fee_of(1_000)


class TestRemedies:
    def test_what_is_due_after_a_take_over_is_asked_for(self, fake: FakeGateway) -> None:
        order = Order(fake, card=BROKEN_CARD)
        publish_all(order.placed())
        with pytest.raises(AssertionError):
            flow()
        with transaction():
            usecases.note_ended(order_id=order.id, at=NOON)
        OutboxEvent.objects.all().delete()
        fake.accounts[order.token].card = GOOD_CARD
        [found] = reconcile()
        with transaction():
            usecases.take_over(difference_id=found.id, at=NOON)
        assert money(order.payment) == ("AUTHORIZED", 1_000, 0, 0)
        flow()
        assert money(order.payment) == ("VOIDED", 0, 0, 0)
        assert reconcile() == []

    def test_whose_answer_was_lost_is_asked_again_with_the_same_id(self, fake: FakeGateway) -> None:
        token = fake.preauth(card=BROKEN_CARD, amount=500)
        fake.call(_hold(token))
        [found] = reconcile()
        with transaction():
            usecases.undo_at_gateway(difference_id=found.id, at=NOON)
        run_stubbornly(seed=1)
        found.refresh_from_db()
        voids = [wish for wish in fake.calls if wish.kind == "VOID"]
        assert (found.state, {wish.id for wish in voids}) == ("REMEDIED", {found.id})
        assert fake.accounts[token].held == 0
        assert reconcile() == []

    def test_of_which_nothing_is_left_to_ask_vanish(self, fake: FakeGateway) -> None:
        order = Order(fake, card=BROKEN_CARD)
        publish_all(order.placed())
        with pytest.raises(AssertionError):
            flow()
        [found] = reconcile()
        with transaction():
            usecases.ask_gateway_again(difference_id=found.id, at=NOON)
            operation = Operation.objects.get()
            usecases.take_answer(
                order_id=order.id, operation_id=operation.id, answer=Accepted(), at=NOON
            )
        calls = len(fake.calls)
        errands.remedy(found.id)
        found.refresh_from_db()
        assert (found.state, len(fake.calls)) == ("GONE", calls)

    def test_take_nothing_over_that_was_answered_since(self, fake: FakeGateway) -> None:
        order = captured(fake)
        fake.accounts[order.token].card = BROKEN_CARD
        order.refund(300)
        flow()  # the gateway did it, and kept silent
        [found] = reconcile()
        assert (found.kind, found.doing) == ("STATE_DIFFERS", "REFUND")
        with transaction():
            usecases.take_answer(
                order_id=order.id, operation_id=found.operation_id, answer=Accepted(), at=NOON
            )
            usecases.take_over(difference_id=found.id, at=NOON)
        found.refresh_from_db()
        assert (found.state, order.payment.refunded) == ("GONE", 300)
        assert list(queries.disagreeing()) == []

    def test_that_cannot_mend_it_are_refused(self, fake: FakeGateway) -> None:
        fake.call(_hold(fake.preauth(amount=500)))
        [found] = reconcile()
        for use_case in (usecases.take_over, usecases.ask_gateway_again):
            with pytest.raises(RemedyImpossible), transaction():
                use_case(difference_id=found.id, at=NOON)
        with pytest.raises(usecases.DifferenceNotFound), transaction():
            usecases.take_over(difference_id=new_id(), at=NOON)
        assert "remedy_requested" not in names()


def _hold(token: str) -> Any:
    asked: dict[str, Any] = {
        "id": new_id(),
        "order_id": new_id(),
        "gateway": "payment_3p",
        "token": token,
    }
    return Wish(**asked, kind="AUTHORIZE", amount=500, currency="EUR")


class TestTables:
    @pytest.fixture
    def found(self, fake: FakeGateway) -> Difference:
        fake.call(_hold(fake.preauth(amount=500)))
        [found] = reconcile()
        return found

    @pytest.mark.parametrize(
        ("changes", "constraint"),
        [
            ({"state": "ASKED"}, "payment_difference_decided"),
            ({"state": "ACCEPTED", "decided_at": NOON}, "payment_difference_accepted_for_a_reason"),
        ],
    )
    def test_a_difference_refuses(
        self, found: Difference, changes: dict[str, Any], constraint: str
    ) -> None:
        with pytest.raises(IntegrityError, match=constraint), transaction():
            Difference.objects.filter(id=found.id).update(**changes)

    def test_a_difference_is_open_once(self, found: Difference) -> None:
        with pytest.raises(IntegrityError, match="payment_difference_once"), transaction():
            found.pk = new_id()
            found.save(force_insert=True)

    def test_a_comparison_that_is_done_has_its_time(self, found: Difference) -> None:
        with pytest.raises(IntegrityError, match="payment_reconciliation_finished"), transaction():
            Reconciliation.objects.update(finished_at=None)


def test_a_gateway_says_of_itself_that_it_tells_no_books(fake: FakeGateway) -> None:
    class Silent(FakeGateway):
        has_books = False

    with installed(Silent(), name="silent"):
        assert gateway.with_books() == ["payment_3p"]
