"""What mails say: in each language the same, in lines that any reader shows, safe to be read."""

from __future__ import annotations

import dataclasses
import re
import string
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.invoices import mails
from apps.invoices.mails import LANGUAGES, Told, contents_of, sample, write
from apps.invoices.mails.words import Words, _catalogue
from apps.invoices.models import Mail, Seller
from apps.orders.events import CancelReason, OrderFailed

SELLER = {name: str(getattr(Seller(), name)) for name in Seller.PRINTED}
KINDS = Mail.Kind.values
CHANNELS = [(kind, language) for kind in KINDS for language in LANGUAGES]


def told(kind: str = "PLACED", language: str = "en", **changes: Any) -> Told:
    found = sample(kind, language, seller=SELLER, shop="https://shop.example")
    return dataclasses.replace(found, **changes)


def phrases(catalogue: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the place of each phrase, and what is filled in."""
    if isinstance(catalogue, str):
        fields = {name for _, name, _, _ in string.Formatter().parse(catalogue) if name}
        yield path, sorted(fields)
        return
    is_list = isinstance(catalogue, list)
    for key, inner in enumerate(catalogue) if is_list else catalogue.items():
        yield from phrases(inner, f"{path}.{key}")


class TestLanguages:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_have_the_same_phrases_with_the_same_places_to_fill(self, language: str) -> None:
        assert dict(phrases(_catalogue(language))) == dict(phrases(_catalogue("en")))

    @pytest.mark.parametrize(("language", "name"), [("en", "VAT"), ("de", "USt."), ("fr", "TVA")])
    def test_have_a_word_for_a_tax_that_staff_have_given_no_name(
        self, language: str, name: str
    ) -> None:
        terms = told().terms
        [tax] = terms["tax_lines"]
        named = {**terms, "tax_lines": [{**tax, "name": "Moms"}]}
        for each, word in ((terms, name), (named, "Moms")):
            assert f" {word} 25" in write(told(language=language, terms=each)).text

    def test_differ_in_every_sentence(self) -> None:
        texts = {language: _catalogue(language) for language in LANGUAGES}
        for kind in KINDS:
            said = {str(texts[language][kind.lower()]) for language in LANGUAGES}
            assert len(said) == len(LANGUAGES)

    def test_know_every_reason(self) -> None:
        failures = OrderFailed.model_fields["reason"].annotation
        for reason in (*CancelReason.__args__, *failures.__args__):  # type: ignore[attr-defined, union-attr]
            for language in LANGUAGES:
                assert Words(language).say("reason", reason, number="N")

    @pytest.mark.parametrize(
        ("tag", "known"),
        [
            ("en", "en"),
            ("de", "de"),
            ("de-CH", "de_CH"),
            ("fr_CA", "fr_CA"),
            ("sv", "en"),
            ("", "en"),
            ("no such language", "en"),
            ("x" * 35, "en"),
        ],
    )
    def test_are_the_readers_or_english(self, tag: str, known: str) -> None:
        assert str(Words(tag).locale) == known


@pytest.mark.parametrize(("kind", "language"), CHANNELS)
class TestEachMail:
    def test_says_in_plain_text_all_that_it_says_in_html(self, kind: str, language: str) -> None:
        contents, written = contents_of(told(kind, language)), write(told(kind, language))
        html = " ".join(unescape(re.sub("<[^>]*>", " ", written.html)).split())
        text = " ".join(written.text.split())
        says = [
            contents.heading,
            *contents.paragraphs,
            *(part for pair in (*contents.facts, *contents.sums) for part in pair),
            *(part for line in contents.lines for part in (line.name, line.quantity, line.amount)),
            *(contents.total or ()),
            *contents.taxes,
            *contents.address,
            contents.button[0],
            *contents.small,
            *contents.seller,
        ]
        for part in (" ".join(each.split()) for each in says):
            assert part in html
            assert part in text
        assert f'href="{contents.button[1]}"' in written.html
        assert f"\n{contents.button[1]}\n" in written.text
        assert written.subject == " ".join(contents.subject.split())
        assert "{" not in f"{written.subject}{written.text}"

    def test_stays_within_lines_that_any_reader_shows(self, kind: str, language: str) -> None:
        lines = write(told(kind, language)).text.splitlines()
        assert [line for line in lines if len(line) > 72 and "://" not in line] == []

    def test_loads_nothing_and_runs_nothing(self, kind: str, language: str) -> None:
        html = write(told(kind, language)).html
        assert re.findall(r"<(?:script|link|img|iframe|object|form)|url\(|@import", html) == []
        assert re.findall(r'(?:href|src)="([^"]*)"', html) == ["https://shop.example/order#token=…"]
        assert f'<html lang="{language}"' in html


def test_what_is_bought_is_shown_as_it_is_written() -> None:
    lines = [{"name": "<b>A & B</b>", "quantity": 1, "unit_price": 100}]
    terms = {**told().terms, "lines": lines}
    written = write(told(terms=terms))
    assert "<b>" not in written.html
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in written.html
    assert "<b>A & B</b>" in written.text


@pytest.mark.parametrize(
    "spam",
    ["Buy at http://spam.example", "www.spam.example", "WWW.SPAM.EXAMPLE", "write to a@b.example"],
)
def test_who_orders_in_anothers_name_leads_them_nowhere(spam: str) -> None:
    address = {**dict(told().address or {}), "name": spam, "street_address": spam, "city": spam}
    written = write(told(address=address))
    assert spam.lower() not in f"{written.text}{written.html}".lower()
    assert "Analytical Engines Ltd" in written.text


def test_taxes_that_are_added_stand_above_the_total() -> None:
    contents = contents_of(told(terms={**told().terms, "prices_include_tax": False}))
    assert (contents.sums[-1], contents.taxes) == (("VAT 25 %", "€281.56"), ())


def test_an_order_without_an_address_shows_none() -> None:
    contents = contents_of(told(address=None))
    assert (contents.address, contents.address_label) == ((), "")
    assert "Delivery to" not in write(told(address=None)).text


def test_a_seller_without_an_address_to_write_to_names_none() -> None:
    assert contents_of(told(seller={**SELLER, "email": ""}, link_ends_on=None)).small == ()


@pytest.mark.parametrize(
    ("locale", "amount"), [("en", "¥4,990"), ("de", "4.990 ¥"), ("fr", "4 990 JPY")]
)
def test_money_is_written_as_the_reader_does(locale: str, amount: str) -> None:
    facts = {**dict(told("CREDIT_NOTE").facts), "currency": "JPY"}
    assert amount in write(told("CREDIT_NOTE", locale, facts=facts)).subject


NAMES = st.text(max_size=200).filter(str.strip)


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(NAMES, min_size=1, max_size=5),
    street=NAMES,
    why=st.text(max_size=500),
    prices=st.lists(st.integers(0, 10**12), min_size=5, max_size=5),
)
def test_whatever_is_bought_can_be_told(
    names: list[str], street: str, why: str, prices: list[int]
) -> None:
    lines = [
        {"name": name, "quantity": 1 + index, "unit_price": prices[index]}
        for index, name in enumerate(names)
    ]
    address = {**dict(told().address or {}), "street_address": street}
    facts = {**dict(told("CREDIT_NOTE").facts), "why": why}
    for each in (
        told(terms={**told().terms, "lines": lines}, address=address),
        told("CREDIT_NOTE", "fr", facts=facts),
    ):
        written = mails.write(each)
        assert written.subject == " ".join(written.subject.split())
        assert "\r" not in written.subject
        assert written.html.count("</html>") == 1
