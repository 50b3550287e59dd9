"""Whatever orders say, staff ask, and gateways do, in whatever order: the books agree."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps.payment import usecases
from apps.payment.gateway import FakeGateway
from apps.payment.gateway.fake import (
    CAPTURE_REFUSED_CARD,
    DECLINED_CARD,
    GOOD_CARD,
    SILENT_CARDS,
)
from apps.payment.models import Payment
from kernel.refusals import Refusal
from kernel.transactions import transaction
from tests.payment.flight import MOVES, Flight, told_of
from tests.payment.scenes import Order

pytestmark = pytest.mark.django_db

CARDS = (GOOD_CARD, GOOD_CARD, CAPTURE_REFUSED_CARD, DECLINED_CARD, *SILENT_CARDS)
Step = Callable[[Flight], None]


def says(use_case: Callable[..., Any], **facts: Any) -> Step:
    """Return a step in which orders say something."""
    return lambda flight: flight.tell(use_case, **facts)


def asks(use_case: Callable[..., Any], **asked: Any) -> Step:
    """Return a step in which staff ask for something, and may be refused."""

    def ask(flight: Flight) -> None:
        with contextlib.suppress(Refusal):
            flight.tell(use_case, **asked)
            flight.tell(usecases.resume_operation)

    return ask


def place(flight: Flight) -> None:
    flight.tell(
        usecases.note_placed,
        version=1,
        total=1_000,
        currency="EUR",
        gateway="payment_3p",
        token=flight.order.token,
    )


def lapse(flight: Flight) -> None:
    """Let the hold come to its end, and the job with it."""
    payment = Payment.objects.filter(order_id=flight.order.id).first()
    if payment and payment.held_until:
        flight.now = max(flight.now, payment.held_until)
        with transaction():
            usecases.warn_of_lapsing(at=flight.now)
            usecases.settle_lapsing(at=flight.now)
        flight.tell(usecases.resume_operation)


FACTS: dict[str, Step] = {
    "placed": place,
    "lowered": says(usecases.note_modified, version=2, total=800, currency="EUR"),
    "lowered again": says(usecases.note_modified, version=3, total=600, currency="EUR"),
    "shipped": says(usecases.note_shipped),
    "fulfilled": says(usecases.note_fulfilled, version=9, total=600, currency="EUR"),
    "ended": says(usecases.note_ended),
    "lapsing": lapse,
    "days go by": Flight.days_go_by,
    "refund": asks(usecases.request_refund, amount=150, reason="broken"),
    "retry": asks(usecases.retry_capture),
    "ask again": asks(usecases.retry_refused),
    "write off": asks(usecases.write_off, reason="lost"),
}
USUAL = st.sampled_from(("placed", "lowered", "shipped", "fulfilled", "ended", "refund", "lapsing"))
STEPS = st.lists(st.one_of(USUAL, st.sampled_from(MOVES), st.sampled_from([*FACTS])), max_size=25)
EXAMPLES = hypothesis_settings(
    max_examples=int(os.environ.get("SEQUENCES", "25")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@EXAMPLES
@given(card=st.sampled_from(CARDS), steps=STEPS)
def test_any_story_ends_with_books_that_agree(
    fake: FakeGateway, card: str, steps: list[str]
) -> None:
    flight = Flight(Order(fake, card=card), fake)
    flight.tell(usecases.note_modified, version=0, total=0, currency="EUR")  # the row is there
    for step in steps:
        if step in FACTS:
            FACTS[step](flight)
        else:
            flight.move(step)
    flight.settle()

    note(str(told_of(flight.order)))
    assert_ended_well(flight, steps)


def assert_ended_well(flight: Flight, steps: list[str]) -> None:
    payment, told = flight.order.payment, Counter(told_of(flight.order))
    account = flight.fake.accounts[flight.order.token]
    flight.assert_books_agree()
    for fact in ("authorized", "declined", "captured", "voided", "lapsed"):
        assert told[fact] <= 1, fact
    assert told["authorized"] + told["declined"] == (
        "placed" in steps and payment.placed_at is not None
    )
    if "ended" in steps:
        assert (account.held, account.captured - account.refunded) == (0, 0)
    elif "fulfilled" in steps and payment.state in {"CAPTURED", "REFUNDED"}:
        assert account.captured - account.refunded <= 600
    if payment.state == "AUTHORIZED":
        assert "ended" not in steps
        assert "fulfilled" not in steps
        assert account.held == payment.target
