from __future__ import annotations

import io
from collections.abc import Callable

import pypdf
import pytest

from apps.invoices import documents
from apps.invoices.gateway import FakeDocumentStore
from apps.invoices.models import CreditNote, Invoice
from apps.orders.events import OrderLine
from kernel.ids import new_id
from tests.invoices.scenes import ADDRESS, TERMS, captured, fulfilled, refunded

pytestmark = pytest.mark.django_db


def text_of(content: bytes) -> list[str]:
    """Return the words of each page, blanks and breaks made one."""
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    return [" ".join(page.extract_text().replace("\xa0", " ").split()) for page in pages]


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
        "Lamp L-1 2 €49.90 €99.80",
        "Goods €99.80",
        "Delivery €10.00",
        "Discount SPRING -€5.00",
        "Total €104.80",
        "including VAT 25 % €20.96",
        "Paid in full on 1 March 2026",
        "Page 1 of 1",
    ]:
        assert words in text
    assert pypdf.PdfReader(io.BytesIO(content)).metadata.title.startswith("Invoice INV-")


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
    order_id = new_id()
    heard(fulfilled(order_id, terms=TERMS.model_copy(update={"lines": lines})), captured(order_id))

    pages = text_of(next(iter(store.documents.values())))
    assert len(pages) == 4
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of 4" in page
        assert ("Item Quantity Unit price Amount" in page) is (" L-" in page)
    assert all(f"Lamp L-{n} " in " ".join(pages) for n in range(60))


@pytest.mark.parametrize(
    ("locale", "total"),
    [
        ("en", "Total €104.80"),
        ("de", "Total 104,80 €"),
        ("sv-SE", "Total 104,80 €"),
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
