"""The documents that are looked at as pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pypdfium2
from PIL import Image, ImageChops

from apps.invoices import documents
from apps.invoices.documents import Picture
from apps.invoices.models import CreditNote, Invoice
from tests.invoices.papers import BUYER, SELLER, credit_note, invoice, line, terms

_DPI = 100
_LOGO = Picture(
    b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 150 40">
    <circle cx="20" cy="20" r="18" fill="#2f5d62"/><path d="M12 24 20 10l8 14z" fill="#fff"/>
    <path d="M50 8h94v7H50zm0 13h70v7H50z" fill="#1b2430"/></svg>""",
    is_svg=True,
)
_TEXTS = {
    "de": {
        "closing_words": "Vielen Dank für Ihre Bestellung.",
        "untaxed_reason": "Es wird keine Umsatzsteuer erhoben.",
    },
    "fr": {
        "closing_words": "Merci de votre commande.",
        "untaxed_reason": "Aucune TVA n'est perçue.",
    },
}


def one_page() -> bytes:
    """Two rates, a discount, a delivery: what most orders look like."""
    agreed = terms(line(discount=500), line("Book of hours", 1, 2450, rate="6", code="B-77"))
    return documents.invoice_pdf(invoice(agreed))


def three_pages() -> bytes:
    """Forty lines; taxes are added, not included."""
    lines = [line(f"Lamp no. {n}", n % 7 + 1, 999 + 37 * n, code=f"L-{n}") for n in range(1, 41)]
    return documents.invoice_pdf(invoice(terms(*lines, is_gross=False)))


def long_names() -> bytes:
    """Names as long as they may be, with and without a place to break."""
    buyer = {
        **BUYER,
        "name": "Wolfeschlegelsteinhausenbergerdorff" * 5,
        "company_name": "The Honourable Company of Analytical Engine Builders and Their Widows "
        * 2,
        "street_address": "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch " * 3,
        "email": f"{'a' * 64}@{'example' * 20}.com",
    }
    names = ["Lamp with a very long and winding description " * 4, "Donaudampfschifffahrt" * 9]
    return documents.invoice_pdf(
        invoice(terms(*(line(name, code="X" * 64) for name in names)), buyer=buyer)
    )


def other_scripts() -> bytes:
    """Right to left, and Chinese; what no font has is a white square."""
    buyer = {
        **BUYER,
        "name": "עדה לאבלייס",
        "company_name": "محركات تحليلية",
        "street_address": "רחוב הרצל 12, דירה 3",
        "city": "תל אביב-יפו",
        "post_code": "6688319",
        "country": "IL",
    }
    lines = [
        line("אגרטל כחול עם ידית", code="IL-1"),
        line("مصباح مكتب 40 واط", code="SA-2"),
        line("中国茶具 / 日本の茶碗", code="CN-3"),
        line("Ωμέγα, Привет, Đặng, ąęłźž, ไทย 🙂", code="XX-4"),
    ]
    return documents.invoice_pdf(invoice(terms(*lines), buyer=buyer))


def four_digit_prices() -> bytes:
    """Amounts up to hundreds of thousands stand below each other."""
    lines = [
        line("Grand piano", 3, 4_799_900),
        line("Bench", 1000, 123_456),
        line("Tuning fork", 1, 5, rate="0"),
        line("A lesson, given", 1, 999_999, rate=None, discount=999_999),
    ]
    return documents.invoice_pdf(invoice(terms(*lines, delivery=150_000)))


def in_german() -> bytes:
    """German, of a company with a logo."""
    agreed = terms(line(discount=500, rate="19"), line("Buch", rate="7"), delivery_rate="19")
    seller = {**SELLER, **_TEXTS["de"]}
    return documents.invoice_pdf(invoice(agreed, locale="de-DE", seller=seller), _LOGO)


def in_french() -> bytes:
    """French, with thousands; no tax on one thing."""
    agreed = terms(line("Lampe", 40, rate="20"), line("Timbre", rate=None), delivery_rate="20")
    buyer = {**BUYER, "company_name": "", "country": "FR", "city": "Paris", "post_code": "75001"}
    seller = {**SELLER, **_TEXTS["fr"]}
    return documents.invoice_pdf(invoice(agreed, locale="fr-FR", seller=seller, buyer=buyer))


def credited() -> bytes:
    """A part of what two rates were paid on."""
    return documents.credit_note_pdf(_note(locale="en"), _LOGO)


def credited_in_german() -> bytes:
    """The same in German."""
    return documents.credit_note_pdf(_note(locale="de"))


def erased() -> bytes:
    """Nobody is named."""
    return documents.invoice_pdf(invoice(buyer=dict.fromkeys(BUYER, "")))


PAPERS: dict[str, Callable[[], bytes]] = {
    make.__name__.replace("_", "-"): make
    for make in (
        one_page,
        three_pages,
        long_names,
        other_scripts,
        four_digit_prices,
        in_german,
        in_french,
        credited,
        credited_in_german,
        erased,
    )
}


def pages(content: bytes) -> Iterator[Image.Image]:
    """Yield the pages of a PDF as grey pictures."""
    with pypdfium2.PdfDocument(content) as pdf:
        for page in pdf:
            yield page.render(scale=_DPI / 72, grayscale=True).to_pil()


def difference(one: Image.Image, other: Image.Image) -> int:
    """Return how many points of two pictures differ so much that one sees it."""
    if one.size != other.size:
        return one.width * one.height
    return sum(ImageChops.difference(one, other).histogram()[64:])


def _note(locale: str) -> CreditNote:
    bought: Invoice = invoice(
        terms(line(), line("Book", 1, 2450, rate="6")),
        locale=locale,
        seller={**SELLER, **_TEXTS.get(locale, {})},
    )
    return credit_note(bought, 5000)
