"""From what a mail tells to what stands in it, in its reader's language."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from babel.dates import format_date

from apps.invoices.mails.words import Words
from kernel.money import display

# Whoever orders as a guest may give anyone's e-mail address: what they write themselves shall
# lead nowhere.
_LINK = re.compile(r"://|\bwww\.|@", re.IGNORECASE)
Pairs = tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class Told:
    """
    What a mail tells: `kind` as of `models.Mail.Kind`, `facts` of what happened.

    `link_ends_on` is set where the link lets its bearer in without a login.
    """

    kind: str
    number: str
    locale: str
    placed_on: dt.date
    link: str
    link_ends_on: dt.date | None
    terms: Mapping[str, Any]
    address: Mapping[str, str] | None
    facts: Mapping[str, str]
    seller: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Line:
    """A product in a mail."""

    name: str
    quantity: str
    amount: str


@dataclasses.dataclass(frozen=True)
class Contents:
    """What stands in a mail, from top to bottom; what is empty is left out."""

    language: str
    subject: str
    heading: str
    paragraphs: tuple[str, ...]
    facts: Pairs
    lines: tuple[Line, ...]
    sums: Pairs
    total: tuple[str, str] | None
    taxes: tuple[str, ...]
    address_label: str
    address: tuple[str, ...]
    button: tuple[str, str]
    small: tuple[str, ...]
    seller: tuple[str, ...]
    shop: str
    colon: str


def contents_of(told: Told) -> Contents:
    """Return the mail's contents."""
    words, part = Words(told.locale), told.kind.lower()
    filled = _filled(told, words)
    return Contents(
        language=words.language,
        subject=words.say(part, "subject", **filled),
        heading=words.say(part, "heading", **filled),
        paragraphs=words.paragraphs(part, **filled),
        facts=_facts(told, words, filled),
        **(_order(told, words) if told.kind == "PLACED" else _NO_ORDER),
        button=(words.say("button", "shipped" if part == "shipped" else "order"), told.link),
        small=_small(told, words),
        seller=_seller(told.seller),
        shop=told.seller["name"],
        colon=words.say("label", "colon"),
    )


_NO_ORDER: dict[str, Any] = {
    "lines": (),
    "sums": (),
    "total": None,
    "taxes": (),
    "address_label": "",
    "address": (),
}


def _filled(told: Told, words: Words) -> dict[str, str]:
    """Return what fills the braces of the phrases."""
    filled = {"number": told.number, "date": _day(told.placed_on, words), **told.facts}
    if told.kind in {"CANCELLED", "FAILED"}:
        filled["reason"] = words.say("reason", told.facts["reason"], number=told.number)
    if amount := told.facts.get("amount"):
        filled["amount"] = display(int(amount), told.facts["currency"], str(words.locale))
    return filled


def _facts(told: Told, words: Words, filled: Mapping[str, str]) -> Pairs:
    shown = {
        "SHIPPED": ("tracking_number",),
        "INVOICE": ("invoice", "amount"),
        "CREDIT_NOTE": ("amount", "why", "credit_note", "invoice"),
    }
    names = shown.get(told.kind, ())
    found = tuple((words.say("label", name), filled[name]) for name in names if filled.get(name))
    return ((words.say("label", "order"), told.number), *found)


def _order(told: Told, words: Words) -> dict[str, Any]:
    terms = told.terms
    address = told.address or {}
    return {
        "lines": tuple(_line(line, terms, words) for line in terms["lines"]),
        "sums": _sums(terms, words),
        "total": (words.say("label", "total"), _money(terms["total"], terms, words)),
        "taxes": _taxes(terms, words) if terms["prices_include_tax"] else (),
        "address_label": words.say("label", "address") if address else "",
        "address": _address(address, words),
    }


def _line(line: Mapping[str, Any], terms: Mapping[str, Any], words: Words) -> Line:
    price = _money(line["unit_price"], terms, words)
    return Line(
        name=line["name"],
        quantity=words.say("label", "quantity", quantity=line["quantity"], price=price),
        amount=_money(line["quantity"] * line["unit_price"], terms, words),
    )


def _sums(terms: Mapping[str, Any], words: Words) -> Pairs:
    """Return what leads to the total; taxes only where prices don't include them."""
    goods = sum(line["quantity"] * line["unit_price"] for line in terms["lines"])
    sums = [
        (words.say("label", "goods"), goods),
        (words.say("label", "delivery"), terms["delivery_price"]),
    ]
    sums += [
        (words.say("label", "discount", code=given["code"]), -given["amount"])
        for given in terms["discounts"]
    ]
    if not terms["prices_include_tax"]:
        sums += [
            (words.say("label", "added", **_named(tax, words)), tax["amount"])
            for tax in terms["tax_lines"]
        ]
    return tuple((label, _money(amount, terms, words)) for label, amount in sums)


def _taxes(terms: Mapping[str, Any], words: Words) -> tuple[str, ...]:
    return tuple(
        words.say(
            "label", "included", **_named(tax, words), amount=_money(tax["amount"], terms, words)
        )
        for tax in terms["tax_lines"]
    )


def _named(tax: Mapping[str, Any], words: Words) -> dict[str, str]:
    # As in documents: until staff give a tax another name, it has the English word.
    is_word = tax["name"] == Words("en").say("label", "vat")
    name = words.say("label", "vat") if is_word else tax["name"]
    return {"name": name, "percent": tax["rate_percent"]}


def _address(place: Mapping[str, str], words: Words) -> tuple[str, ...]:
    town = " ".join(filter(None, [place.get("post_code"), place.get("city")]))
    country = place.get("country", "")
    lines = (
        place.get("company_name"),
        place.get("name"),
        place.get("street_address"),
        town,
        place.get("state"),
        words.locale.territories.get(country, country),
    )
    return tuple(line for line in lines if line and not _LINK.search(line))


def _small(told: Told, words: Words) -> tuple[str, ...]:
    found = []
    if told.link_ends_on:
        found.append(words.say("small", "guest", date=_day(told.link_ends_on, words)))
    if told.seller["email"]:
        found.append(words.say("small", "reply", email=told.seller["email"]))
    return tuple(found)


def _seller(seller: Mapping[str, str]) -> tuple[str, ...]:
    town = " ".join(filter(None, [seller["post_code"], seller["city"]]))
    return (seller["name"], ", ".join(filter(None, [seller["street_address"], town])))


def _day(day: dt.date, words: Words) -> str:
    return str(format_date(day, "long", locale=words.locale))


def _money(amount: int, terms: Mapping[str, Any], words: Words) -> str:
    return display(amount, terms["currency"], str(words.locale))
