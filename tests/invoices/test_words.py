from __future__ import annotations

import io
import string
import tomllib
from pathlib import Path

import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from apps.invoices import documents
from apps.invoices.documents import LogoNotUsable, Picture, demand_logo
from apps.invoices.documents.characters import COVERED, MARK, settable
from apps.invoices.documents.words import WORDS, Tongue, Words
from apps.invoices.models import Language
from tests.invoices.papers import BUYER, invoice, line, terms

FILES = Path(documents.__file__).parents[1] / "templates" / "words"


def filled_in(text: str) -> set[str | None]:
    return {name for _, name, *_ in string.Formatter().parse(text)} - {None}


@pytest.mark.parametrize("language", Language)
def test_a_language_says_all_and_fills_in_what_english_does(language: Language) -> None:
    english, other = WORDS[Language.ENGLISH].model_dump(), WORDS[language].model_dump()

    assert all(other.values())
    assert {name: filled_in(text) for name, text in other.items()} == {
        name: filled_in(text) for name, text in english.items()
    }
    assert language in documents.invoice_pdf(invoice(locale=language)).decode("latin-1")


def test_a_word_that_is_missing_or_unknown_is_caught() -> None:
    words = tomllib.loads((FILES / "en.toml").read_text())
    with pytest.raises(ValidationError, match="paid_back"):
        Words(**{name: text for name, text in words.items() if name != "paid_back"})
    with pytest.raises(ValidationError, match="paid_forward"):
        Words(**words, paid_forward="x")
    assert {path.stem for path in FILES.iterdir()} == set(Language.values)


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("de_CH", "de"),
        ("FR", "fr"),
        ("sv-SE", "en"),
        ("", "en"),
        ("nonsense!", "en"),
    ],
)
def test_a_locale_is_spoken_to_in_its_language_or_in_english(locale: str, language: str) -> None:
    assert Language.of(locale) == language


@pytest.mark.parametrize(
    ("locale", "currency", "written"),
    [
        ("en", "EUR", ["2 March 2026", "\N{MINUS SIGN}€1,234.50", "5.5\xa0%", "Sweden"]),
        ("en-US", "USD", ["March 2, 2026", "\N{MINUS SIGN}$1,234.50", "5.5\xa0%", "Sweden"]),
        ("de", "EUR", ["2. März 2026", "\N{MINUS SIGN}1.234,50\xa0€", "5,5\xa0%", "Schweden"]),
        ("fr", "EUR", ["2 mars 2026", "\N{MINUS SIGN}1\u202f234,50\xa0€", "5,5\xa0%", "Suède"]),
        ("sv", "SEK", ["2 March 2026", "\N{MINUS SIGN}SEK1,234.50", "5.5\xa0%", "Sweden"]),
        ("de", "JPY", ["2. März 2026", "\N{MINUS SIGN}123.450\xa0¥", "5,5\xa0%", "Schweden"]),
        ("en", "INR", ["2 March 2026", "\N{MINUS SIGN}INR\xa01,234.50", "5.5\xa0%", "Sweden"]),
    ],
)
def test_days_money_and_countries_are_written_as_the_reader_does(
    locale: str, currency: str, written: list[str]
) -> None:
    paper = invoice(locale=locale, currency=currency)
    tongue = Tongue(paper)
    assert [
        tongue.day(paper.issued_on),
        tongue.money(-123450),
        tongue.percent("5.5"),
        tongue.country("SE"),
    ] == written
    assert settable(written) == written


@pytest.mark.parametrize(
    ("locale", "name"), [("en", "VAT"), ("sv", "VAT"), ("de-AT", "USt."), ("fr", "TVA")]
)
def test_a_tax_has_the_readers_word_for_it_until_staff_give_it_a_name(
    locale: str, name: str
) -> None:
    tongue = Tongue(invoice(locale=locale))
    assert [tongue.tax("VAT"), tongue.tax("Moms")] == [name, "Moms"]


def test_a_letter_that_no_font_has_is_a_white_square_and_an_emoji_nothing() -> None:
    assert settable({"a": ["Ada 🙂", ("ไ", 1)], "b": "a\nb\tc\0"}) == {
        "a": ["Ada", [MARK, 1]],
        "b": "a b c",
    }
    assert settable("👩🏽‍💻 Ada ❤️‍🔥 Lovelace 🇸🇪 1️⃣") == "Ada Lovelace 1"
    assert settable("🙂") == MARK  # something stands there
    assert (
        settable("Đặng Ωμέγα Привет שלום سلام 中国茶 日本")
        == "Đặng Ωμέγα Привет שלום سلام 中国茶 日本"
    )


def test_all_characters_that_count_as_settable_are() -> None:
    spans = [line.split("-") for line in COVERED.read_text().split()]
    every = [chr(code) for a, b in spans for code in range(int(a, 16), int(b, 16) + 1)]
    names = ["".join(every[first : first + 100]) for first in range(0, len(every), 100)]
    pdf = documents.invoice_pdf(invoice(terms(*(line(name) for name in names))))

    assert len(every) > 8000
    assert pdf.startswith(b"%PDF")


@given(st.text(max_size=60), st.text(max_size=30))
@settings(max_examples=80, deadline=None)
def test_nothing_that_a_customer_writes_keeps_an_invoice_from_being_set(one: str, two: str) -> None:
    buyer = {**BUYER, "name": one, "street_address": two, "city": one, "email": two}
    assert documents.invoice_pdf(invoice(terms(line(two)), buyer=buyer)).startswith(b"%PDF")


def png(width: int = 300, height: int = 80, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "#2f5d62").save(file, kind)
    return file.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 4">%s</svg>'
RECT = b'<rect width="9" height="4" fill="#2f5d62"/>'


@pytest.mark.parametrize(
    "content",
    [
        png(),
        png(2000, 2000),
        SVG % RECT,
        b'<?xml version="1.0"?>' + SVG % RECT,
        SVG % b'<defs><g id="a"/></defs><use href="#a"/>',
    ],
)
def test_a_picture_can_be_a_logo(content: bytes) -> None:
    logo = demand_logo(content)
    assert logo == Picture(content, is_svg=b"<svg" in content)
    bare, with_logo = (documents.invoice_pdf(invoice(), each) for each in (None, logo))
    assert pypdf.PdfReader(io.BytesIO(bare)).pages[0].extract_text().startswith("The Shop AB")
    assert not pypdf.PdfReader(io.BytesIO(with_logo)).pages[0].extract_text().startswith("The Shop")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"%PDF-1.7",
        b"<svg",
        png()[:100],
        png(kind="JPEG"),
        png(3000, 3000),
        png() + b"\0" * 200_000,
        SVG % b"<script>alert(1)</script>",
        SVG % b'<image href="http://example.com/a.png"/>',
        SVG % b'<image xlink:href = "file:///etc/passwd"/>',
        SVG % b"<foreignObject/>",
        b'<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG % RECT,
    ],
)
def test_anything_else_is_no_logo(content: bytes) -> None:
    with pytest.raises(LogoNotUsable):
        demand_logo(content)
