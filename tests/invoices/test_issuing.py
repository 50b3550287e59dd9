from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import itertools
import random
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, InterfaceError, OperationalError, connection, connections
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from apps.invoices import usecases
from apps.invoices.events import CreditNoteIssued, InvoiceIssued
from apps.invoices.gateway import FakeDocumentStore
from apps.invoices.models import (
    Billing,
    CreditNote,
    Document,
    Invoice,
    KnownUser,
    Logo,
    Seller,
    Series,
)
from apps.users.events import UserErased, UserUpdated
from kernel.bus.event import Event
from kernel.bus.personal import erase
from kernel.bus.testing import published, twice_and_shuffled
from kernel.ids import new_id
from kernel.transactions import savepoint, transaction
from tests.invoices.scenes import NOON, TERMS, captured, flow, fulfilled, refunded, registered, tell

ISSUED_AT = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)
SELLER = {
    "name": "The Shop AB",
    "street_address": "Drottninggatan 1",
    "post_code": "111 51",
    "city": "Stockholm",
    "country": "SE",
    "vat_number": "SE123456789701",
    "tax_number": "",
    "register_number": "",
    "email": "billing@shop.example",
    "iban": "",
    "bic": "",
    "closing_words": "Thank you for your order.",
    "untaxed_reason": "No tax is charged.",
    "logo": None,
}
BUYER = {
    "name": "Ada Lovelace",
    "company_name": "Analytical Engines Ltd",
    "street_address": "Storgatan 1",
    "post_code": "111 22",
    "city": "Stockholm",
    "state": "",
    "country": "SE",
    "email": "ada@example.com",
}


@pytest.mark.django_db
@pytest.mark.parametrize("order_of_arrival", [(0, 1), (1, 0)])
def test_goods_and_money_in_either_order_give_one_invoice(
    store: FakeDocumentStore, order_of_arrival: tuple[int, int]
) -> None:
    order_id, customer_id = new_id(), new_id()
    facts: list[Event] = [fulfilled(order_id, customer_id=customer_id), captured(order_id)]
    with time_machine.travel(ISSUED_AT, tick=False):
        tell(registered(customer_id))
        flow()
        for index in order_of_arrival:
            assert Invoice.objects.count() == 0
            tell(facts[index])
            flow()

    row = Invoice.objects.values().get()
    key = f"2026/INV-2026-000001-{row['sha256']}.pdf"
    assert row == {
        "id": row["id"],
        "series_id": "INV-2026",
        "position": 1,
        "number": "INV-2026-000001",
        "issued_on": ISSUED_AT.date(),
        "issued_at": ISSUED_AT,
        "locale": "en",
        "currency": "EUR",
        "seller": SELLER,
        "buyer": BUYER,
        "sha256": hashlib.sha256(store.documents[key]).hexdigest(),
        "order_id": order_id,
        "order_number": "7KQ2-M3XP",
        "customer_id": customer_id,
        "paid_on": NOON.date(),
        "delivered_on": NOON.date(),
        "terms": TERMS.model_dump(mode="json"),
        "total": 10480,
    }
    assert published(InvoiceIssued) == [
        InvoiceIssued(
            occurred_at=ISSUED_AT,
            invoice_id=row["id"],
            order_id=order_id,
            customer_id=customer_id,
            number="INV-2026-000001",
            total=10480,
            currency="EUR",
            sha256=row["sha256"],
        )
    ]
    document = Document.objects.values("invoice", "key", "content", "stored_at").get()
    assert document == {
        "invoice": row["id"],
        "key": key,
        "content": None,
        "stored_at": ISSUED_AT,
    }
    assert Billing.objects.values("fulfilment", "issued_at").get() == {
        "fulfilment": None,
        "issued_at": ISSUED_AT,
    }


@pytest.mark.django_db
@pytest.mark.parametrize("which", ["goods", "money"])
def test_one_of_the_two_alone_issues_nothing(heard: Callable[..., None], which: str) -> None:
    order_id = new_id()
    heard(fulfilled(order_id) if which == "goods" else captured(order_id))

    assert (Invoice.objects.count(), Series.objects.count()) == (0, 0)
    assert published(InvoiceIssued, CreditNoteIssued) == []


@pytest.mark.django_db
def test_a_refund_is_credited(heard: Callable[..., None], store: FakeDocumentStore) -> None:
    order_id, customer_id, refund = new_id(), new_id(), None
    with time_machine.travel(ISSUED_AT, tick=False):
        heard(registered(customer_id))
        heard(fulfilled(order_id, customer_id=customer_id), captured(order_id))
        refund = refunded(order_id)
        heard(refund)

    invoice, row = Invoice.objects.get(), CreditNote.objects.values().get()
    content = store.documents[f"2026/CN-2026-000001-{row['sha256']}.pdf"]
    assert row == {
        "id": row["id"],
        "series_id": "CN-2026",
        "position": 1,
        "number": "CN-2026-000001",
        "issued_on": ISSUED_AT.date(),
        "issued_at": ISSUED_AT,
        "locale": "en",
        "currency": "EUR",
        "seller": SELLER,
        "buyer": BUYER,
        "sha256": hashlib.sha256(content).hexdigest(),
        "invoice_id": invoice.id,
        "refund_id": refund.refund_id,
        "amount": 4990,
        "tax_lines": [{"name": "VAT", "rate_percent": "25", "net": 3992, "amount": 998}],
        "reason": "Arrived broken",
    }
    assert published(CreditNoteIssued) == [
        CreditNoteIssued(
            occurred_at=ISSUED_AT,
            credit_note_id=row["id"],
            invoice_id=invoice.id,
            order_id=order_id,
            refund_id=refund.refund_id,
            customer_id=customer_id,
            number="CN-2026-000001",
            amount=4990,
            currency="EUR",
            sha256=row["sha256"],
        )
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("arrival", list(itertools.permutations(range(4))))
def test_facts_of_an_order_end_alike_in_every_order(
    heard: Callable[..., None], arrival: tuple[int, ...]
) -> None:
    order_id = new_id()
    facts = [
        fulfilled(order_id),
        captured(order_id),
        refunded(order_id, 1000, minutes=1),
        refunded(order_id, 200, minutes=2),
    ]
    for index in arrival:
        heard(facts[index])

    assert Invoice.objects.count() == 1
    notes = CreditNote.objects.order_by("amount").values_list("amount", "invoice__order_id")
    assert list(notes) == [(200, order_id), (1000, order_id)]
    assert Document.objects.filter(stored_at=None).count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(3))
def test_news_that_come_twice_and_shuffled_issue_once(seed: int) -> None:
    orders = [new_id() for _ in range(4)]
    for order_id in orders:
        tell(refunded(order_id), captured(order_id), fulfilled(order_id))
    flow(twice_and_shuffled(seed))

    positions = Invoice.objects.order_by("position").values_list("position", flat=True)
    assert list(positions) == [1, 2, 3, 4]
    assert sorted(Invoice.objects.values_list("order_id", flat=True)) == sorted(orders)
    assert [len(published(kind)) for kind in (InvoiceIssued, CreditNoteIssued)] == [4, 4]
    assert Document.objects.filter(stored_at=None, content=None).count() == 0


@pytest.mark.django_db
def test_a_guest_and_an_erased_customer_get_an_invoice_too(heard: Callable[..., None]) -> None:
    guest, erased = fulfilled(new_id()), fulfilled(new_id())
    guest = guest.model_copy(update={"customer_id": None})
    tell(guest, erased, captured(guest.order_id), captured(erased.order_id))
    with transaction():
        erase(person_id=erased.person_id, at=NOON)
    flow()

    buyers = dict(Invoice.objects.values_list("order_id", "buyer"))
    assert buyers == {
        guest.order_id: {**BUYER, "email": ""},
        erased.order_id: dict.fromkeys(BUYER, ""),
    }


@pytest.mark.django_db
def test_a_series_begins_anew_each_year_and_its_dates_never_go_back() -> None:
    days = ["2026-12-30", "2026-12-31", "2026-12-30", "2027-01-01"]
    taken = []
    for day in days:
        with transaction():
            series = Series.take("INV", on=dt.date.fromisoformat(day))
            taken.append((series.last_number, series.last_issued_on.isoformat()))

    assert taken == [
        ("INV-2026-000001", "2026-12-30"),
        ("INV-2026-000002", "2026-12-31"),
        ("INV-2026-000003", "2026-12-31"),
        ("INV-2027-000001", "2027-01-01"),
    ]


class Killed(Exception):
    """A process died, or changed its mind."""


def roll_back() -> None:
    raise Killed


def lose_the_connection() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def attempt(dice: random.Random, use_case: Callable[..., None], **facts: Any) -> None:
    """Do it, after as many attempts as the dice want that fail once the number is taken."""
    while dice.random() < 0.4:
        with pytest.raises((Killed, OperationalError, InterfaceError)), transaction():
            use_case(**facts, at=ISSUED_AT)
            dice.choice([roll_back, lose_the_connection])()
        connection.close()
    with transaction():
        use_case(**facts, at=ISSUED_AT)


def issue(orders: list[uuid.UUID], dice: random.Random) -> None:
    """Let each order be paid, and every other one be refunded in two parts."""
    with contextlib.closing(connection):
        for number, order_id in enumerate(orders):
            attempt(dice, usecases.note_capture, order_id=order_id, captured_at=NOON)
            for amount in (4000, 6480) if number % 2 else ():
                refund: dict[str, Any] = {"refund_id": new_id(), "amount": amount, "reason": ""}
                refund |= {"currency": "EUR", "refunded_at": NOON}
                attempt(dice, usecases.note_refund, order_id=order_id, **refund)


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300)
def test_two_hundred_at_once_with_rollbacks_and_deaths_leave_no_gap() -> None:
    orders = [new_id() for _ in range(200)]
    with transaction():
        for order_id in orders:
            usecases.note_fulfilment(
                order_id=order_id,
                order_number="7KQ2-M3XP",
                customer_id=None,
                terms=TERMS.model_dump(mode="json"),
                address=None,
                locale="en",
                at=ISSUED_AT,
            )
    with ThreadPoolExecutor(16) as pool:
        shares = [(orders[start::16], random.Random(start)) for start in range(16)]
        list(pool.map(lambda share: issue(*share), shares))

    taken = {
        model: list(model.objects.order_by("position").values_list("position", "number"))
        for model in (Invoice, CreditNote)
    }
    assert taken == {
        Invoice: [(n, f"INV-2026-{n:06d}") for n in range(1, 201)],
        CreditNote: [(n, f"CN-2026-{n:06d}") for n in range(1, len(taken[CreditNote]) + 1)],
    }
    assert sorted(Invoice.objects.values_list("order_id", flat=True)) == sorted(orders)
    credited = CreditNote.objects.values_list("invoice").annotate(Sum("amount"))
    assert {total for _, total in credited} == {10480}
    assert dict(Series.objects.values_list("code", "last_position")) == {
        "INV-2026": 200,
        "CN-2026": 2 * len(credited),
    }


@pytest.mark.django_db
def test_a_number_is_taken_last_and_nothing_is_waited_for_with_it() -> None:
    order_id = new_id()
    tell(captured(order_id), refunded(order_id))
    flow()
    with CaptureQueriesContext(connection) as queries:
        tell(fulfilled(order_id))
        flow()

    asked = [query["sql"].split() for query in queries if "SAVEPOINT" not in query["sql"]]
    words = [
        f"{verb} {rest[1].strip(chr(34))}" for verb, *rest in asked if "invoices_" in str(rest)
    ]
    written = [
        "INSERT invoices_invoice",
        "INSERT invoices_document",
    ]
    number = words.index("INSERT invoices_series")
    assert words[number + 1 : number + 3] == written


@pytest.mark.django_db(transaction=True)
def test_goods_and_money_at_the_same_moment_give_one_invoice() -> None:
    order_id = new_id()
    terms = TERMS.model_dump(mode="json")
    gate = threading.Barrier(2)

    def run(use_case: Callable[..., None], **facts: Any) -> None:
        gate.wait()
        with transaction():
            use_case(order_id=order_id, at=ISSUED_AT, **facts)
        connections.close_all()

    goods = {
        "order_number": "7KQ2",
        "customer_id": None,
        "terms": terms,
        "address": None,
        "locale": "en",
    }
    workers = [
        threading.Thread(target=run, args=(usecases.note_fulfilment,), kwargs=goods),
        threading.Thread(target=run, args=(usecases.note_capture,), kwargs={"captured_at": NOON}),
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert Invoice.objects.filter(order_id=order_id).count() == 1


@pytest.fixture
def issued(heard: Callable[..., None]) -> Invoice:
    order_id = new_id()
    heard(fulfilled(order_id), captured(order_id), refunded(order_id))
    return Invoice.objects.get()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE invoices_invoice SET total = 0",
        "DELETE FROM invoices_invoice",
        "UPDATE invoices_creditnote SET amount = 1",
        "DELETE FROM invoices_creditnote",
        "UPDATE invoices_logo SET content = 'x'",
        "DELETE FROM invoices_logo",
    ],
)
def test_what_is_issued_can_not_be_touched(issued: Invoice, statement: str) -> None:
    Logo.keep(b"<svg/>", is_svg=True, at=ISSUED_AT)
    with transaction(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(DatabaseError, match="append-only"), savepoint():
            cursor.execute(statement)
    refuse_to_app(statement)
    assert Invoice.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE invoices_invoice CASCADE",
        "TRUNCATE invoices_creditnote CASCADE",
        "TRUNCATE invoices_document",
        "DELETE FROM invoices_document",
        "UPDATE invoices_document SET key = 'other'",
        "UPDATE invoices_document SET credit_note_id = NULL",
    ],
)
def test_the_shop_may_only_note_that_a_document_is_stored(statement: str, issued: Invoice) -> None:
    refuse_to_app(statement)


def refuse_to_app(statement: str) -> None:
    """Let the role of the running shop try it."""
    with transaction(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE app")
        with pytest.raises(DatabaseError, match="permission denied"), savepoint():
            cursor.execute(statement)
        cursor.execute("RESET ROLE")


@pytest.mark.django_db
def test_a_number_and_an_order_are_used_once(issued: Invoice) -> None:
    for changes, guard in [
        ({"order_id": new_id(), "number": "X"}, "invoices_invoice_place"),
        ({"order_id": new_id(), "position": 2}, "number"),
        ({"position": 2, "number": "X"}, "order_id"),
        ({"order_id": new_id(), "position": 2, "number": "X", "total": -1}, "total_not_negative"),
    ]:
        twin = Invoice.objects.get()
        twin.pk = new_id()
        for name, value in changes.items():
            setattr(twin, name, value)
        with transaction(), pytest.raises(DatabaseError, match=guard), savepoint():
            twin.save(force_insert=True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statement", "guard"),
    [
        ("UPDATE invoices_document SET content = 'x'", "here_or_there"),
        ("UPDATE invoices_document SET stored_at = NULL", "here_or_there"),
        (
            "UPDATE invoices_document SET content = 'x', stored_at = NULL",
            "document_is_what_was_hashed",
        ),
        ("UPDATE invoices_seller SET credit_note_prefix = invoice_prefix", "two_series"),
        ("UPDATE invoices_seller SET vat_number = ''", "registered"),
        ("UPDATE invoices_document SET invoice_id = NULL, credit_note_id = NULL", "of_one"),
        ("UPDATE invoices_refund SET amount = 0", "amount_positive"),
        ("INSERT INTO invoices_seller SELECT 2, name FROM invoices_seller", "null value|only_one"),
    ],
)
def test_a_breach_of_a_rule_is_refused(issued: Invoice, statement: str, guard: str) -> None:
    cursor = connection.cursor()
    with transaction(), pytest.raises(DatabaseError, match=guard), savepoint(), cursor:
        cursor.execute(statement)


@pytest.mark.django_db
def test_a_new_seller_changes_only_what_is_issued_from_then_on(heard: Callable[..., None]) -> None:
    first, second = new_id(), new_id()
    heard(fulfilled(first), captured(first))
    Seller.objects.update(name="The Better Shop AB")
    heard(fulfilled(second), captured(second))

    names = Invoice.objects.order_by("position").values_list("seller__name", flat=True)
    assert list(names) == ["The Shop AB", "The Better Shop AB"]


@pytest.mark.django_db
def test_a_storage_that_is_down_keeps_the_document_waiting(
    heard: Callable[..., None], store: FakeDocumentStore
) -> None:
    store.is_down = True
    order_id = new_id()
    with pytest.raises(AssertionError, match="ConnectionError"):
        heard(fulfilled(order_id), captured(order_id))

    document = Document.objects.get()
    assert (document.stored_at, store.documents) == (None, {})
    digest = hashlib.sha256(bytes(document.content or b"")).hexdigest()
    assert digest == Invoice.objects.get().sha256


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(4))
def test_an_e_mail_address_is_the_newest_in_whatever_order_news_come(seed: int) -> None:
    ada, bob = new_id(), new_id()
    update = {"occurred_at": NOON, "name_of_user": "Ada"}
    tell(registered(ada), registered(bob, "bob@example.com"))
    tell(UserUpdated(user_id=ada, version=2, email="ada@example.org", **update))
    tell(UserErased(occurred_at=NOON, user_id=bob, version=2))
    flow(twice_and_shuffled(seed))

    assert sorted(KnownUser.objects.values_list("id", "email", "version", "is_erased")) == [
        (ada, "ada@example.org", 2, False),
        (bob, "", 2, True),
    ]
