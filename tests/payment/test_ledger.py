from __future__ import annotations

import contextlib
import random
from typing import Any

import pytest
from django.db import IntegrityError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.payment import queries, usecases
from apps.payment.gateway import Accepted, FakeGateway
from apps.payment.gateway.fake import CAPTURE_REFUSED_CARD, DECLINED_CARD, GOOD_CARD, fee_of
from apps.payment.models import LedgerEntry, Operation, Payment
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.payment.scenes import Order, flow, publish_all, run_stubbornly, say

pytestmark = pytest.mark.django_db


def entries(order: Order) -> list[tuple[str, str, str, int]]:
    rows = LedgerEntry.objects.filter(payment_id=order.id).order_by("id")
    return list(rows.values_list("operation__kind", "debit", "credit", "amount"))


def balances(order: Order) -> dict[str, int]:
    found = queries.balances(order.id)
    assert sum(found.values()) == 0
    return {account: amount for (account, _), amount in found.items() if amount}


def disagreeing() -> list[Payment]:
    return list(queries.disagreeing())


class TestALife:
    def test_goes_over_the_accounts(self, order: Order) -> None:
        say(order.placed(), order.modified(900), order.fulfilled(900))
        order.refund(300)
        flow()

        assert entries(order) == [
            ("AUTHORIZE", "HELD", "PLEDGED", 1_000),
            ("AMEND", "PLEDGED", "HELD", 100),
            ("CAPTURE", "PLEDGED", "HELD", 900),
            ("CAPTURE", "CUSTOMER", "REVENUE", 900),
            ("CAPTURE", "CLEARING", "CUSTOMER", 900),
            ("CAPTURE", "FEES", "CLEARING", fee_of(900)),
            ("REFUND", "REFUNDS", "CUSTOMER", 300),
            ("REFUND", "CUSTOMER", "CLEARING", 300),
        ]
        assert balances(order) == {
            "REVENUE": -900,
            "REFUNDS": 300,
            "FEES": fee_of(900),
            "CLEARING": 900 - 300 - fee_of(900),
        }
        assert disagreeing() == []

    def test_ends_with_nothing_where_nothing_was_kept(self, order: Order) -> None:
        say(order.placed(), order.cancelled())
        assert entries(order) == [
            ("AUTHORIZE", "HELD", "PLEDGED", 1_000),
            ("VOID", "PLEDGED", "HELD", 1_000),
        ]
        assert balances(order) == {}

    def test_leaves_no_trace_where_nothing_moved(self, fake: FakeGateway) -> None:
        declined, free = Order(fake, card=DECLINED_CARD), Order(fake, total=0)
        say(declined.placed(), free.placed(), free.fulfilled())
        assert (entries(declined), entries(free)) == ([], [])
        assert disagreeing() == []

    def test_keeps_what_is_held_while_the_capture_is_refused(self, fake: FakeGateway) -> None:
        order = Order(fake, card=CAPTURE_REFUSED_CARD)
        say(order.placed(), order.fulfilled())
        assert balances(order) == {"HELD": 1_000, "PLEDGED": -1_000}
        assert disagreeing() == []

    def test_is_entered_once_however_often_the_answer_comes(self, order: Order) -> None:
        say(order.placed())
        operation = order.payment.operations.get()
        with transaction():
            usecases.take_answer(
                order_id=order.id, operation_id=operation.id, answer=Accepted(), at=NOON
            )
        assert entries(order) == [("AUTHORIZE", "HELD", "PLEDGED", 1_000)]

    def test_is_forgotten_with_an_answer_that_is_not_written(self, order: Order) -> None:
        def answer(*, is_written: bool) -> int:
            with contextlib.suppress(ZeroDivisionError), transaction():
                wish = usecases.note_placed(**placed)
                assert wish
                usecases.take_answer(
                    order_id=order.id, operation_id=wish.id, answer=Accepted(), at=NOON
                )
                assert is_written or 1 / 0
            return LedgerEntry.objects.count()

        placed: dict[str, Any] = {"order_id": order.id, "version": 1, "at": NOON}
        placed |= {"total": 5, "currency": "EUR", "gateway": "payment_3p", "token": order.token}
        assert (answer(is_written=False), answer(is_written=True)) == (0, 1)

    def test_of_all_payments_is_told_by_currency(self, fake: FakeGateway) -> None:
        euros, dollars = Order(fake, total=500), Order(fake, total=70)
        fake.accounts[dollars.token].currency = "USD"
        placed = dollars.placed()
        terms = placed.terms.model_copy(update={"currency": "USD"})
        say(euros.placed(), placed.model_copy(update={"terms": terms}))

        assert queries.balances() == {
            ("HELD", "EUR"): 500,
            ("PLEDGED", "EUR"): -500,
            ("HELD", "USD"): 70,
            ("PLEDGED", "USD"): -70,
        }


FACTS = st.lists(
    st.sampled_from(["placed", "modified", "lower", "fulfilled", "cancelled", "failed", "refund"]),
    min_size=1,
    max_size=6,
)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    facts=FACTS,
    card=st.sampled_from([GOOD_CARD, CAPTURE_REFUSED_CARD, DECLINED_CARD]),
    total=st.integers(min_value=0, max_value=10**9),
    seed=st.integers(min_value=0, max_value=10**6),
)
def test_the_amounts_of_a_payment_are_what_its_ledger_says(
    fake: FakeGateway, facts: list[str], card: str, total: int, seed: int
) -> None:
    order, dice = Order(fake, card=card, total=total), random.Random(seed)
    said = {
        "placed": order.placed,
        "modified": lambda: order.modified(total // 2),
        "lower": lambda: order.modified(total // 3, version=3),
        "fulfilled": lambda: order.fulfilled(total // 3),
        "cancelled": order.cancelled,
        "failed": order.failed,
    }
    for fact in facts:
        if fact != "refund":
            publish_all(said[fact]())  # type: ignore[operator]
        elif Payment.objects.filter(order_id=order.id, captured__gt=0).exists():
            left = order.payment.captured - order.payment.refunded
            if left:
                order.refund(dice.randint(1, left))
        run_stubbornly(dice.randrange(10**6))

    assert disagreeing() == []
    assert balances(order).get("CUSTOMER", 0) == 0


def test_payments_that_disagree_with_their_ledger_are_found(
    order: Order, fake: FakeGateway
) -> None:
    others = [Order(fake) for _ in range(3)]
    say(*(each.placed() for each in [order, *others]), order.fulfilled())
    for other, change in zip(
        others, [{"authorized": 999}, {"state": "VOIDED", "authorized": 0}, {}], strict=True
    ):
        Payment.objects.filter(order_id=other.id).update(**change)
    assert {each.order_id for each in disagreeing()} == {others[0].id, others[1].id}
    Payment.objects.filter(order_id=order.id).update(captured=999)
    assert order.id in {each.order_id for each in disagreeing()}
    Payment.objects.filter(order_id=order.id).update(captured=1_000, refunded=1)
    assert order.id in {each.order_id for each in disagreeing()}


class TestTheDatabaseRefuses:
    @pytest.fixture
    def operation(self, order: Order) -> Operation:
        say(order.placed())
        return order.payment.operations.get()

    def enter(self, operation: Operation, **changes: Any) -> None:
        entry = {"debit": "CLEARING", "credit": "CUSTOMER", "amount": 1, "currency": "EUR"}
        with transaction():
            LedgerEntry.objects.create(
                payment=operation.payment, operation=operation, at=NOON, **{**entry, **changes}
            )

    def test_nothing_that_is_right(self, operation: Operation) -> None:
        self.enter(operation)

    @pytest.mark.parametrize(
        ("changes", "constraint"),
        [
            ({"debit": "CUSTOMER"}, "payment_ledger_two_sides"),
            ({"amount": 0}, "payment_ledger_moves_something"),
            ({"amount": -1}, "payment_ledger_moves_something"),
            ({"debit": "POCKET"}, "payment_ledger_known_accounts"),
            ({"credit": "POCKET"}, "payment_ledger_known_accounts"),
            ({"debit": "HELD"}, "payment_ledger_memoranda_apart"),
            ({"credit": "PLEDGED"}, "payment_ledger_memoranda_apart"),
            ({"debit": "HELD", "credit": "PLEDGED"}, "payment_ledger_once"),
            ({"debit": None}, "debit"),
            ({"credit": None}, "credit"),
        ],
    )
    def test_an_entry_that_does_not_balance(
        self, operation: Operation, changes: dict[str, Any], constraint: str
    ) -> None:
        with pytest.raises(IntegrityError, match=constraint):
            self.enter(operation, **changes)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE payment_ledgerentry SET amount = 1",
            "UPDATE payment_ledgerentry SET at = at",
            "DELETE FROM payment_ledgerentry",
        ],
    )
    def test_to_change_what_was_entered(self, operation: Operation, statement: str) -> None:
        with (
            pytest.raises(IntegrityError, match="payment_ledgerentry is append-only"),
            transaction(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)

    def test_an_operation_to_go_of_which_it_tells(self, operation: Operation) -> None:
        with pytest.raises(IntegrityError), transaction():
            Operation.objects.filter(id=operation.id)._raw_delete("default")
            connection.check_constraints()


def test_an_answer_without_a_fee_enters_none(order: Order) -> None:
    say(order.placed())
    with transaction():
        wish = usecases.note_fulfilled(
            order_id=order.id, version=9, total=1_000, currency="EUR", at=NOON
        )
        assert wish
        usecases.take_answer(order_id=order.id, operation_id=wish.id, answer=Accepted(), at=NOON)
    assert balances(order) == {"REVENUE": -1_000, "CLEARING": 1_000}
