from __future__ import annotations

import io
from collections.abc import Callable

import pypdf
import pytest

from apps.invoices import documents
from apps.invoices.gateway import FakeDocumentStore
from apps.invoices.models import Billing, CreditNote, Invoice
from apps.orders.events import OrderLine, TaxLine, Terms
from kernel.ids import new_id
from tests.invoices.scenes import ADDRESS, TERMS, captured, fulfilled, refunded

pytestmark = pytest.mark.django_db


def text_of(content: bytes) -> list[str]:
    """Return the words of each page, blanks and breaks made one, a minus sign a hyphen."""
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    plain = str.maketrans({"\xa0": " ", "\N{MINUS SIGN}": "-"})
    return [" ".join(page.extract_text().translate(plain).split()) for page in pages]


def test_a_pdf_says_what_was_bought_and_paid(
    heard: Callable[..., None], store: FakeDocumentStore
) -> None:
    order_id = new_id()
    heard(fulfilled(order_id), captured(order_id))

    [content] = store.documents.values()
    [text] = text_of(content)
    for words in [
        "INV-2026-000001" if Invoice.objects.get().issued_on.year == 2026 else "INV-",
        "The Shop AB",
        "VAT no. SE123456789701",
        "Analytical Engines Ltd Ada Lovelace Storgatan 1 111 22 Stockholm Sweden",
        "Order 7KQ2-M3XP",
        "Lamp L-1 2 25 % €49.90 €99.80",
        "Goods €99.80",
        "Delivery €10.00",
        "Discount SPRING -€5.00",
        "Delivered 1 March 2026",
        "Total €104.80",
        "Tax included Net Tax Gross VAT 25 % €83.84 €20.96 €104.80",
        "Paid in full on 1 March 2026",
        "Page 1 of 1",
    ]:
        assert words in text
    assert pypdf.PdfReader(io.BytesIO(content)).metadata.title.startswith("Invoice INV-")


def test_taxes_that_prices_do_not_include_are_added_before_the_total(
    heard: Callable[..., None], store: FakeDocumentStore
) -> None:
    lamp = TERMS.lines[0].model_copy(update={"tax": 2370})
    book = OrderLine(
        product_id=new_id(),
        code="B-1",
        name="Book",
        quantity=1,
        unit_price=1000,
        tax=55,
        tax_rate_percent="5.5",
    )
    rates = (
        TaxLine(name="VAT", rate_percent="25", net=10480, amount=2620),
        TaxLine(name="VAT", rate_percent="5.5", net=1000, amount=55),
    )
    changes = {
        "lines": (lamp, book),
        "delivery_tax": 250,
        "tax_lines": rates,
        "prices_include_tax": False,
        "total": 14155,
    }
    order_id = new_id()
    heard(fulfilled(order_id, terms=TERMS.model_copy(update=changes)), captured(order_id))

    [text] = text_of(next(iter(store.documents.values())))
    for words in [
        "Lamp L-1 2 25 % €49.90 €99.80 Book B-1 1 5.5 % €10.00 €10.00",
        "Goods €109.80 Delivery €10.00 Discount SPRING -€5.00 VAT 25 % €26.20 VAT 5.5 % €0.55",
        "VAT 5.5 % €0.55 Total €141.55",
        "Tax added Net Tax Gross VAT 25 % €104.80 €26.20 €131.00 VAT 5.5 % €10.00 €0.55 €10.55",
    ]:
        assert words in text


def test_what_was_fulfilled_before_there_were_taxes_is_invoiced_without(
    heard: Callable[..., None], store: FakeDocumentStore
) -> None:
    order_id = new_id()
    heard(fulfilled(order_id))
    billing = Billing.objects.get()
    terms = billing.fulfilment["terms"]
    billing.fulfilment["terms"] = {
        "lines": [
            {k: v for k, v in line.items() if k in {"code", "name", "quantity", "unit_price"}}
            for line in terms["lines"]
        ],
        "delivery_price": 500,
        "tax_lines": [],
        "discounts": [],
        "total": 10480,
        "currency": "EUR",
    }
    billing.save()
    heard(captured(order_id))

    [text] = text_of(next(iter(store.documents.values())))
    assert "Lamp L-1 2 €49.90 €99.80" in text
    assert "Goods €99.80 Delivery €5.00 Total €104.80" in text
    assert "No tax is charged. €104.80 €0.00 €104.80" in text


def test_a_credit_note_names_its_invoice(
    heard: Callable[..., None], store: FakeDocumentStore
) -> None:
    order_id = new_id()
    heard(fulfilled(order_id), captured(order_id), refunded(order_id))

    note = CreditNote.objects.get()
    [content] = [content for key, content in store.documents.items() if note.number in key]
    [text] = text_of(content)
    assert f"Credit note number {note.number}" in text
    assert f"Refund on invoice {note.invoice.number}" in text
    assert "Arrived broken 1 €49.90 €49.90" in text
    assert "Total credited €49.90" in text


def test_the_same_invoice_gives_the_same_bytes(
    heard: Callable[..., None], store: FakeDocumentStore
) -> None:
    order_id = new_id()
    heard(fulfilled(order_id, locale="sv"), captured(order_id))

    assert [documents.invoice_pdf(Invoice.objects.get())] == list(store.documents.values())


def test_sixty_lines_repeat_the_table_s_head_and_number_the_pages(
    heard: Callable[..., None], store: FakeDocumentStore
) -> None:
    lines = tuple(
        OrderLine(product_id=new_id(), code=f"L-{n}", name="Lamp", quantity=1, unit_price=n)
        for n in range(60)
    )
    order_id, total = new_id(), sum(range(60))
    terms = Terms(lines=lines, delivery_price=0, total=total, currency="EUR")
    heard(fulfilled(order_id, terms=terms), captured(order_id))

    pages = text_of(next(iter(store.documents.values())))
    assert len(pages) == 4
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of 4" in page
        assert ("Item Quantity Tax Unit price Amount" in page) is (" L-" in page)
    assert all(f"Lamp L-{n} " in " ".join(pages) for n in range(60))


@pytest.mark.parametrize(
    ("locale", "total"),
    [
        ("en", "Total €104.80"),
        ("de", "Gesamtbetrag 104,80 €"),
        ("de-AT", "Gesamtbetrag € 104,80"),
        ("fr", "Total 104,80 €"),
        ("sv-SE", "Total €104.80"),
        ("nonsense!", "Total €104.80"),
        ("", "Total €104.80"),
    ],
)
def test_money_is_written_as_the_customer_reads_it(
    heard: Callable[..., None], store: FakeDocumentStore, locale: str, total: str
) -> None:
    order_id = new_id()
    heard(fulfilled(order_id, locale=locale), captured(order_id))

    assert total in text_of(next(iter(store.documents.values())))[0]


def test_what_customers_write_is_text_and_never_markup(
    heard: Callable[..., None], store: FakeDocumentStore
) -> None:
    order_id, words = new_id(), "# panic() $x$ @ref <b> \\ *x* 你好 שלום"
    address = ADDRESS.model_copy(update={"street_address": words, "name": "W" * 200})
    heard(fulfilled(order_id, address=address), captured(order_id))

    assert "# panic() $x$ @ref <b> \\ *x*" in text_of(next(iter(store.documents.values())))[0]
