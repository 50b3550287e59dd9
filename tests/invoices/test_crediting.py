from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connections
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.invoices import usecases
from apps.invoices.events import CreditNoteIssued
from apps.invoices.models import (
    CreditExceedsInvoice,
    CreditNote,
    Document,
    Invoice,
    Refund,
    Series,
    TaxLines,
)
from apps.invoices.models.shares import part_of, spread, taxed
from kernel.bus.testing import published
from kernel.ids import new_id
from kernel.transactions import savepoint, transaction
from tests.invoices.scenes import NOON, TERMS, captured, fulfilled, refunded, tell
from tests.invoices.scenes import flow as deliver

AMOUNTS = st.integers(0, 10**9)


def line(net: int, amount: int, rate: str | None = "25", name: str = "VAT") -> dict[str, Any]:
    return {"name": name, "rate_percent": rate, "net": net, "amount": amount}


@pytest.mark.parametrize(
    ("whole", "amount", "part"),
    [
        ([line(8384, 2096)], 10480, [line(8384, 2096)]),
        ([line(8384, 2096)], 4990, [line(3992, 998)]),
        ([line(8384, 2096)], 1, [line(1, 0)]),
        ([line(100, 25), line(100, 6, "6")], 77, [line(34, 8), line(33, 2, "6")]),
        ([line(80, 20), line(100, 0, None, "")], 50, [line(20, 5), line(25, 0, None, "")]),
        ([line(100, 0, "0")], 40, [line(40, 0, "0")]),
    ],
)
def test_a_part_has_the_taxes_of_the_whole_in_proportion(
    whole: TaxLines, amount: int, part: TaxLines
) -> None:
    assert part_of(whole, amount) == part


@given(st.lists(AMOUNTS, min_size=1, max_size=6), st.data())
@settings(max_examples=200)
def test_shares_add_up_and_none_exceeds_what_it_is_a_share_of(
    over: list[int], data: st.DataObject
) -> None:
    amount = data.draw(st.integers(0, sum(over)))
    shares = spread(amount, over)

    assert sum(shares) == amount
    assert all(0 <= share <= each for share, each in zip(shares, over, strict=True))


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1, max_size=4), st.data())
@settings(max_examples=200)
def test_parts_that_come_to_the_whole_come_to_each_of_its_taxes(
    sums: list[tuple[int, int]], data: st.DataObject
) -> None:
    whole = [line(net, tax, str(rate)) for rate, (net, tax) in enumerate(sums)]
    parts: list[TaxLines] = []
    left = total = sum(net + tax for net, tax in sums)
    while left:
        amount = data.draw(st.integers(1, left)) if len(parts) < 5 else left
        parts.append(part_of(whole, amount, less=parts))
        left -= amount
        assert sum(each["net"] + each["amount"] for each in parts[-1]) == amount

    for key in ("net", "amount"):
        for each in whole:
            found = [
                one[key]
                for part in parts
                for one in part
                if one["rate_percent"] == each["rate_percent"]
            ]
            assert sum(found) == each[key]
    assert total == sum(each["net"] + each["amount"] for part in parts for each in part)


def test_what_bears_no_tax_is_a_line_of_its_own() -> None:
    old = {"tax_lines": [{"name": "VAT", "rate_percent": "25", "net": 80, "amount": 20}]}
    assert taxed(old, 130) == [line(80, 20), line(30, 0, None, "")]
    assert taxed({"tax_lines": []}, 130) == [line(130, 0, None, "")]


@pytest.mark.django_db
def test_several_credit_notes_give_back_the_invoice_to_the_last_cent(
    heard: Callable[..., None],
) -> None:
    order_id = new_id()
    heard(fulfilled(order_id), captured(order_id))
    for amount in (3333, 3333, 3814):
        heard(refunded(order_id, amount))

    notes = CreditNote.objects.order_by("position").values_list("amount", "tax_lines")
    assert list(notes) == [
        (3333, [line(2666, 667)]),
        (3333, [line(2667, 666)]),
        (3814, [line(3051, 763)]),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"amount": 10481}, {"currency": "SEK"}])
def test_more_than_was_invoiced_is_refused_aloud(
    heard: Callable[..., None], change: dict[str, Any]
) -> None:
    order_id = new_id()
    heard(fulfilled(order_id), captured(order_id))
    tell(refunded(order_id).model_copy(update=change))

    with pytest.raises(AssertionError, match="CreditExceedsInvoice"):
        deliver()
    assert (CreditNote.objects.count(), Refund.objects.count()) == (0, 0)
    assert not Series.objects.filter(code__startswith="CN").exists()
    assert published(CreditNoteIssued) == []


@pytest.mark.django_db
def test_the_sum_of_credit_notes_stops_at_the_total(heard: Callable[..., None]) -> None:
    order_id = new_id()
    heard(fulfilled(order_id), captured(order_id), refunded(order_id, 10000))
    invoice, earlier = Invoice.objects.get(), CreditNote.objects.all()

    assert invoice.credit(480, "EUR", earlier=earlier) == [line(384, 96)]
    with pytest.raises(CreditExceedsInvoice, match="481 EUR of 480 EUR"):
        invoice.credit(481, "EUR", earlier=earlier)


def twin(note: CreditNote, **changes: Any) -> CreditNote:
    """Return another credit note of the same invoice, past all that the app would ask first."""
    with transaction():
        refund = Refund.objects.get(id=note.refund_id)
        refund.pk = new_id()
        refund.save(force_insert=True)
    position = new_id().int % 10**9
    facts = {"refund": refund, "position": position, "number": f"CN-{position}", **changes}
    other = CreditNote.objects.get(pk=note.pk)
    other.pk = new_id()
    for name, value in facts.items():
        setattr(other, name, value)
    return other


@pytest.mark.django_db
@pytest.mark.parametrize("changes", [{"amount": 481}, {"amount": 1, "currency": "SEK"}])
def test_the_database_refuses_what_would_exceed_the_invoice(
    heard: Callable[..., None], changes: dict[str, Any]
) -> None:
    order_id = new_id()
    heard(fulfilled(order_id), captured(order_id), refunded(order_id, 10000))
    note = twin(CreditNote.objects.get(), **changes)

    with transaction(), pytest.raises(DatabaseError, match="within_invoice"), savepoint():
        note.save(force_insert=True)
    last = twin(CreditNote.objects.get(), amount=480)
    with transaction():
        last.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
def test_credit_notes_at_the_same_moment_do_not_exceed_the_invoice_together() -> None:
    order_id = new_id()
    with transaction():
        usecases.note_fulfilment(
            order_id=order_id,
            order_number="7KQ2",
            customer_id=None,
            terms=TERMS.model_dump(mode="json"),
            address=None,
            locale="en",
            at=NOON,
        )
        usecases.note_capture(order_id=order_id, captured_at=NOON, at=NOON)
        usecases.note_refund(
            order_id=order_id,
            refund_id=new_id(),
            amount=1000,
            currency="EUR",
            reason="",
            refunded_at=NOON,
            at=NOON,
        )
    notes = [twin(CreditNote.objects.get(), amount=5000) for _ in range(2)]
    gate, refused = threading.Barrier(2), []

    def insert(note: CreditNote) -> None:
        try:
            with transaction():
                gate.wait()
                note.save(force_insert=True)
                gate_open.wait(0.5)  # holds the lock while the other one asks
        except DatabaseError as error:
            refused.append(str(error))
        connections.close_all()

    gate_open = threading.Event()
    workers = [threading.Thread(target=insert, args=(note,)) for note in notes]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert [("within_invoice" in each) for each in refused] == [True]
    assert sum(CreditNote.objects.values_list("amount", flat=True)) == 6000
    assert Document.objects.count() == 2
