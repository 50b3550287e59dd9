from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction  # noqa: TID251 -- one day for the whole module

from apps.audit.models import Chain
from apps.invoices import gateway as invoices_gateway
from apps.invoices.gateway import FakeDocumentStore
from apps.invoices.models import Invoice
from apps.payment import gateway as payment_gateway
from apps.payment.gateway import Accepted, FakeGateway, Wish
from apps.payment.gateway.fake import Account
from kernel.bus.models import OutboxEvent
from kernel.ids import new_id
from kernel.mail import FakePost, installed
from simulation.broker import Broker
from simulation.invariants import violations
from simulation.people import open_shop
from simulation.world import World
from tests.simulation import scene, tampering
from tests.simulation.rehearsal import Rehearsal

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def day(tables_as_migrated: None, django_db_blocker: Any) -> Iterator[World]:
    """Play the day once; what a test does to it is undone after the test."""
    gateway, documents, post = FakeGateway(), FakeDocumentStore(), FakePost()
    whole_module = transaction.atomic()
    whole_module._from_testcase = True  # type: ignore[attr-defined]
    with (
        payment_gateway.installed(gateway),
        invoices_gateway.installed(documents),
        installed(post),
        django_db_blocker.unblock(),
        whole_module,
    ):
        rehearsal = Rehearsal(open_shop(gateway=gateway), documents, post)
        rehearsal.play(list(scene.acts()))
        yield rehearsal.world
        transaction.set_rollback(True)


@pytest.fixture
def names(day: World) -> dict[str, str]:
    """Return what the tampering calls orders, products and what became of them."""
    orders = {number: placed.id for number, placed in day.shop.journal.orders.items()}
    products = dict(enumerate(day.shop.products))
    invoice = Invoice.objects.get(order_id=orders[scene.PARTLY])
    cancelled = OutboxEvent.objects.get(
        name="orders.order_cancelled.v1", order_id=orders[scene.CANCELLED]
    )
    return {
        **{f"o{number}": f"'{order_id}'" for number, order_id in orders.items()},
        **{f"p{index}": f"'{product_id}'" for index, product_id in products.items()},
        "id0": str(products[0]),
        "id5": str(orders[scene.CANCELLED]),
        "invoice2": invoice.number,
        "series": invoice.series_id,
        "chain": Chain.objects.get(retention="money").name,
        "event5": str(cancelled.event_id),
    }


def account_of(day: World, order: int) -> Account:
    """Return the gateway's own books of an order."""
    return day.gateway.accounts[day.shop.journal.prepared[f"order-{order}"]["payment_token"]]


def test_a_day_that_ends_in_every_way_violates_nothing(day: World) -> None:
    assert violations(day) == []


@pytest.mark.parametrize("what", tampering.ALL)
def test_what_is_spoilt_is_told(day: World, names: dict[str, str], what: str) -> None:
    statements, sentence = tampering.ALL[what]

    with transaction.atomic():
        tampering.execute(statements, names)
        told = violations(day)
        transaction.set_rollback(True)

    assert sentence.format(**names) in told


@pytest.mark.parametrize(
    ("order", "books", "sentence"),
    [
        (
            scene.FULFILLED,
            {"captured": 4150},
            "Order 1 costs 2075, and the gateway has captured 4150.",
        ),
        (
            scene.PARTLY,
            {"captured": 0},
            "Order 2 costs 2150, and the gateway has captured 0.",
        ),
        (scene.FULFILLED, {"refunded": 2076}, "Order 1: 2076 of 2075 were refunded."),
        (
            scene.CANCELLED,
            {"held": 75},
            "Order 5 is CANCELLED; the gateway holds 75 and has kept 0.",
        ),
        (
            scene.UNPACKED,
            {"captured": 250},
            "Order 3 is PACKAGING_FAILED; the gateway holds 0 and has kept 250.",
        ),
        (
            scene.WRITTEN_OFF,
            {"held": 75},
            (
                "Order 7 is VOIDED: payment says held 0, captured 0, refunded 0,"
                " the gateway held 75, captured 0, refunded 0."
            ),
        ),
    ],
)
def test_money_that_the_gateway_knows_of_is_told(
    day: World, monkeypatch: pytest.MonkeyPatch, order: int, books: dict[str, int], sentence: str
) -> None:
    for name, amount in books.items():
        monkeypatch.setattr(account_of(day, order), name, amount)

    assert sentence in violations(day)


def test_money_of_nobody_is_told(day: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stray = Account(card="", limit=0, currency="EUR", held=7)
    monkeypatch.setitem(day.gateway.accounts, "tok_stray", stray)

    assert violations(day) == ["The gateway holds 7 and took 0 for no order."]


def test_what_the_gateway_was_made_to_do_twice_is_told(
    day: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = day.shop.journal.orders[scene.FULFILLED].id
    wish = Wish(new_id(), order_id, "CAPTURE", "payment_3p", "tok", 2075, "EUR")
    monkeypatch.setattr(day.gateway, "calls", [*day.gateway.calls, wish])
    monkeypatch.setitem(day.gateway.answers, wish.id, Accepted())

    assert violations(day) == ["Order 1: the gateway was made to CAPTURE 2 times."]


def test_an_entry_of_which_payment_knows_nothing_is_told(
    day: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = day.gateway.entries
    stray = dataclasses.replace(entries[0], reference="by hand", kind="REFUND", amount=7)
    monkeypatch.setattr(day.gateway, "entries", [*entries, stray])

    assert violations(day) == [
        "Of the wish by hand payment says nothing, the gateway's books REFUND 7."
    ]


def test_a_file_that_belongs_to_nothing_is_told(
    day: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(day.documents.documents, "stray.pdf", b"")

    assert violations(day) == ["The file stray.pdf is stored and belongs to nothing."]


@pytest.mark.parametrize(
    ("left", "sentence"),
    [
        (lambda broker: broker.waiting, "1 messages wait at the broker."),
        (lambda broker: broker.dead, "The broker has given up 1 messages."),
    ],
)
def test_what_the_broker_has_left_is_told(
    day: World, left: Callable[[Broker], list[Any]], sentence: str
) -> None:
    left(day.broker).append("a message")
    try:
        assert violations(day) == [sentence]
    finally:
        left(day.broker).clear()
