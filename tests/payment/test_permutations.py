"""However answers, webhooks, polls, time-outs and doubles follow on each other, the end is one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from itertools import permutations

import pytest

from apps.payment import usecases
from apps.payment.gateway import FakeGateway
from tests.payment.flight import MOVES, Flight, told_of
from tests.payment.scenes import Order, money

pytestmark = pytest.mark.django_db

# All sequences of moves up to this length are tried, and all orders of the first five moves: a
# longer length takes minutes.
LONGEST = int(os.environ.get("SEQUENCE_LENGTH", "2"))
PERMUTED = MOVES[:5]
HELD = {"version": 1, "total": 1_000, "currency": "EUR", "gateway": "payment_3p"}


def place(flight: Flight) -> None:
    flight.tell(usecases.note_placed, token=flight.order.token, **HELD)


def placed(flight: Flight) -> None:
    place(flight)
    flight.settle()


def lower(flight: Flight) -> None:
    flight.tell(usecases.note_modified, version=2, total=700, currency="EUR")


def fulfil(flight: Flight) -> None:
    flight.tell(usecases.note_fulfilled, version=9, total=1_000, currency="EUR")


def fulfilled(flight: Flight) -> None:
    placed(flight)
    fulfil(flight)
    flight.settle()


def end(flight: Flight) -> None:
    flight.tell(usecases.note_ended)


def refund(*amounts: int) -> Callable[[Flight], None]:
    def ask(flight: Flight) -> None:
        for amount in amounts:
            flight.tell(usecases.request_refund, amount=amount, reason="broken")
            flight.tell(usecases.resume_operation)

    return ask


def both(*facts: Callable[[Flight], None]) -> Callable[[Flight], None]:
    def tell(flight: Flight) -> None:
        for fact in facts:
            fact(flight)

    return tell


def nothing(flight: Flight) -> None:
    pass


SCENES: dict[str, tuple[Callable[[Flight], None], Callable[[Flight], None], tuple[object, ...]]] = {
    "authorize": (nothing, place, ("AUTHORIZED", 1_000, 0, 0, "authorized")),
    "amend": (placed, lower, ("AUTHORIZED", 700, 0, 0, "authorized amended")),
    "capture": (placed, fulfil, ("CAPTURED", 1_000, 1_000, 0, "authorized captured")),
    "void": (placed, end, ("VOIDED", 0, 0, 0, "authorized voided")),
    "refund": (
        fulfilled,
        refund(400),
        ("REFUNDED", 1_000, 1_000, 400, "authorized captured refunded"),
    ),
    "two refunds": (
        fulfilled,
        refund(400, 300),
        ("REFUNDED", 1_000, 1_000, 700, "authorized captured refunded refunded"),
    ),
    "void of a late authorization": (
        nothing,
        both(place, end),
        ("VOIDED", 0, 0, 0, "authorized voided"),
    ),
    "void of a capture": (
        placed,
        both(fulfil, end),
        ("REFUNDED", 1_000, 1_000, 1_000, "authorized captured refunded"),
    ),
}


def continuations(so_far: tuple[str, ...]) -> Iterator[str]:
    """Return the moves that may follow: any while it is short, else one that is still missing."""
    for name in MOVES:
        longer = (*so_far, name)
        is_part_of_a_permutation = len(set(longer)) == len(longer) and set(longer) <= set(PERMUTED)
        if len(longer) <= LONGEST or is_part_of_a_permutation:
            yield name


def try_all(flight: Flight, expected: tuple[object, ...], so_far: tuple[str, ...] = ()) -> int:
    """Try every sequence that begins so, and return how many there were."""
    tried = 0
    for name in continuations(so_far):
        sequence = (*so_far, name)
        with flight.undone():
            flight.move(name)
            tried += try_all(flight, expected, sequence)
            if len(sequence) in {*range(LONGEST + 1), len(PERMUTED)}:
                assert_end(flight, expected, sequence)
                tried += 1
    return tried


def assert_end(flight: Flight, expected: tuple[object, ...], sequence: tuple[str, ...]) -> None:
    with flight.undone():
        flight.settle()
        ended = (*money(flight.order.payment), " ".join(told_of(flight.order)))
        assert ended == expected, sequence
        flight.assert_books_agree()


@pytest.mark.parametrize("scene", SCENES)
def test_every_sequence_ends_in_the_same_books(
    order: Order, fake: FakeGateway, scene: str, record_property: Callable[..., None]
) -> None:
    before, fact, expected = SCENES[scene]
    flight = Flight(order, fake)
    before(flight)
    fact(flight)
    began = time.monotonic()

    tried = try_all(flight, expected)

    record_property("sequences", tried)
    print(f"{scene}: {tried} sequences in {time.monotonic() - began:.1f} s")  # noqa: T201
    assert tried >= len(list(permutations(PERMUTED)))
