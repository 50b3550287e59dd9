"""Every cell of the table, through the real handlers and use cases."""

from __future__ import annotations

from typing import Any

import pytest

from apps.payment import usecases
from apps.payment.gateway import Accepted, FakeGateway, Refused
from apps.payment.gateway.fake import CAPTURE_REFUSED_CARD, DECLINED_CARD, GOOD_CARD
from apps.payment.models import PAYMENT, Operation, Payment, WrongPaymentState
from kernel.bus.testing import published
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.payment.scenes import Order, flow, names, say

pytestmark = pytest.mark.django_db

ANSWERS = {
    "authorized": ("AUTHORIZE", Accepted()),
    "amended": ("AMEND", Accepted()),
    "captured": ("CAPTURE", Accepted()),
    "voided": ("VOID", Accepted()),
    "refunded": ("REFUND", Accepted()),
    "declined": ("AUTHORIZE", Refused("no")),
    "amend_refused": ("AMEND", Refused("no")),
    "capture_refused": ("CAPTURE", Refused("no")),
    "void_refused": ("VOID", Refused("no")),
    "refund_refused": ("REFUND", Refused("no")),
}
AMOUNTS = {"AUTHORIZE": 900, "AMEND": 700, "CAPTURE": 600, "VOID": 0, "REFUND": 100}
# What an event that changes the state makes payment say.
SAYS = {
    "authorized": "authorized",
    "amended": "amended",
    "captured": "captured",
    "voided": "voided",
    "lapsed": "lapsed",
    "refunded": "refunded",
    "declined": "declined",
    "capture_refused": "capture_failed",
}
# The fact that is kept where the state waits for more, or for nothing.
KEPT = {
    "modified": ("target", 500),
    "shipped": ("is_shipped", True),
    "fulfilled": ("is_fulfilled", True),
    "ended": ("is_ended", True),
}


def reach(state: str, fake: FakeGateway) -> Order:
    """Bring an order's payment into a state the way the world would."""
    cards = {"DECLINED": DECLINED_CARD, "CAPTURE_FAILED": CAPTURE_REFUSED_CARD}
    order = Order(fake, card=cards.get(state, GOOD_CARD))
    if state == "PENDING":  # a fact came before the order
        say(order.modified(900, version=2))
        Payment.objects.update(gateway="payment_3p")  # whose answer may come
        return order
    say(order.placed())
    if state in {"CAPTURED", "CAPTURE_FAILED", "REFUNDED"}:
        say(order.fulfilled())
    if state == "VOIDED":
        say(order.cancelled())
    if state == "LAPSED":
        lapse(order)
    if state == "REFUNDED":
        order.refund(300)
        flow()
    fake.accounts[order.token].card = GOOD_CARD  # so that a retried capture succeeds
    return order


def lapse(order: Order) -> None:
    with transaction():
        usecases.settle_lapsing(at=order.payment.held_until or NOON)
    flow()


def happen(event: str, order: Order, fake: FakeGateway) -> None:
    if event == "lapsed" and order.payment.state != "AUTHORIZED":
        order.payment.hears(event)  # no answer is taken for it in another state
        return
    if event in ANSWERS or event == "lapsed":
        Payment.objects.update(is_lapsing=event == "lapsed")
        kind, answer = ANSWERS.get(event, ("VOID", Accepted()))
        operation = Operation.objects.create(
            payment=order.payment,
            kind=kind,
            amount=AMOUNTS[kind],
            created_at=NOON,
            next_ask_at=NOON,
            reason="test",
        )
        with transaction():
            usecases.take_answer(
                order_id=order.id, operation_id=operation.id, answer=answer, at=NOON
            )
        return
    facts = {
        "placed": lambda: say(order.placed(version=1)),
        "modified": lambda: say(order.modified(500, version=20)),
        "shipped": lambda: say(order.shipped()),
        "lapsing": lambda: lapse(order),
        "fulfilled": lambda: say(order.fulfilled(900, version=30)),
        "ended": lambda: say(order.cancelled()),
    }
    if event in facts:
        facts[event]()
        return
    asked: dict[str, Any] = {"order_id": order.id, "at": NOON}
    with transaction():
        if event == "refund_requested":
            usecases.request_refund(amount=100, reason="broken", **asked)
        elif event == "capture_retried":
            usecases.retry_capture(**asked)
        else:
            usecases.write_off(reason="lost", **asked)
    flow()


def facts_of(order: Order) -> dict[str, Any]:
    """Return all that is known of a payment but how often it was written."""
    row = Payment.objects.filter(order_id=order.id).values().get()
    return {name: row[name] for name in row if name not in {"version", "updated_at", "is_lapsing"}}


def test_the_table_holds_every_state_and_every_event() -> None:
    assert set(PAYMENT.rows) == set(Payment.State)
    assert len(PAYMENT.events) == 20
    assert all(set(row) == set(PAYMENT.events) for row in PAYMENT.rows.values())


@pytest.mark.parametrize("event", PAYMENT.events)
@pytest.mark.parametrize("state", PAYMENT.rows)
def test_cell(state: str, event: str, fake: FakeGateway) -> None:
    cell = PAYMENT.cell(state, event)
    order = reach(state, fake)
    assert order.payment.state == state
    before, said, calls, log = facts_of(order), len(names()), len(fake.calls), len(published())

    if cell.is_refused:
        with pytest.raises(WrongPaymentState):
            happen(event, order, fake)
        assert facts_of(order) == before
        assert len(published()) == log
        return
    happen(event, order, fake)

    new = names()[said:]
    if cell.to and not cell.is_remembered:
        assert order.payment.state == cell.to
        assert new == ([SAYS[event]] if event in SAYS else [])
    elif cell.is_remembered:
        name, value = KEPT.get(event, ("state", cell.to))
        assert getattr(order.payment, name) == value
        assert order.payment.state == (cell.to or state)
    else:
        assert (facts_of(order), new, len(fake.calls)) == (before, [], calls)
    if event in ANSWERS:  # whatever it means to the payment, the wish has its answer
        assert not Operation.objects.filter(reason="test", state="WISHED").exists()
