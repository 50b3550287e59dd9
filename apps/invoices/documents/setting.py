"""Invoices and credit notes as PDF/A-3b, set by typst, with their XML inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import orjson
import typst

from apps.invoices.documents.amounts import includes_tax
from apps.invoices.documents.characters import FONTS, settable
from apps.invoices.documents.facturx import credit_note_xml, invoice_xml
from apps.invoices.documents.metadata import declare_facturx
from apps.invoices.documents.words import Tongue
from apps.invoices.models import CreditNote, Invoice, Issued, TaxLines

TEMPLATE = Path(__file__).parents[1] / "templates" / "document.typ"
# Typst's own fonts and ours, none of the system's: a document looks the same wherever it is made.
FONTS_SET = typst.Fonts(include_system_fonts=False, font_paths=[FONTS])

Cells = list[tuple[str, str]]


class Picture(NamedTuple):
    """A logo: PNG or SVG."""

    content: bytes
    is_svg: bool

    def as_json(self) -> str:
        """Write it for a template, which reads no other files."""
        return orjson.dumps([self.is_svg, list(self.content)]).decode()


def invoice_pdf(invoice: Invoice, logo: Picture | None = None) -> bytes:
    """
    Set an invoice that has its number; the same invoice gives the same bytes.

    :raises AmountsDisagree: if what was sold doesn't come to its total.
    """
    tongue, terms = Tongue(invoice), invoice.terms
    words = tongue.words
    delivered = invoice.delivered_on
    facts = {
        **_common(invoice, tongue, words.invoice),
        "meta": [
            *_meta(invoice, tongue, words.invoice_number),
            (words.order, invoice.order_number),
            *([(words.delivered, tongue.day(delivered))] if delivered else []),
            (words.paid, tongue.day(invoice.paid_on)),
        ],
        "rows": [_row(tongue, line) for line in terms["lines"]],
        "sums": _sums(tongue, terms),
        "total": (words.total, tongue.money(invoice.total)),
        "tax_head": words.tax_included if includes_tax(terms) else words.tax_added,
        "taxes": _taxes(invoice, tongue, invoice.taxed()),
        "notes": [
            words.paid_in_full.format(day=tongue.day(invoice.paid_on)),
            invoice.seller["closing_words"],
        ],
    }
    return _compile(facts, invoice_xml(invoice), logo)


def credit_note_pdf(note: CreditNote, logo: Picture | None = None) -> bytes:
    """Set a credit note that has its number; the same note gives the same bytes."""
    tongue, invoice = Tongue(note), note.invoice
    words, amount = tongue.words, tongue.money(note.amount)
    name = words.refund.format(number=invoice.number, day=tongue.day(invoice.issued_on))
    facts = {
        **_common(note, tongue, words.credit_note),
        "meta": [
            *_meta(note, tongue, words.credit_note_number),
            (words.invoice, invoice.number),
            (words.order, invoice.order_number),
        ],
        "rows": [(name, note.reason, "1", "", amount, amount)],
        "sums": [],
        "total": (words.total_credited, amount),
        "tax_head": words.tax_included,
        "taxes": _taxes(note, tongue, note.tax_lines),
        "notes": [words.paid_back.format(number=invoice.number)],
    }
    return _compile(facts, credit_note_xml(note), logo)


def _compile(facts: dict[str, Any], xml: bytes | None, logo: Picture | None) -> bytes:
    inputs = {"facts": orjson.dumps(settable(facts)).decode()}
    if xml:
        inputs["xml"] = xml.decode()
    if logo:
        inputs["logo"] = logo.as_json()
    compiled: bytes = typst.compile(
        str(TEMPLATE),
        root=str(TEMPLATE.parent),
        font_paths=FONTS_SET,
        ignore_system_fonts=True,
        format="pdf",
        pdf_standards=["a-3b"],
        sys_inputs=inputs,
    )
    return declare_facturx(compiled) if xml else compiled


def _common(issued: Issued, tongue: Tongue, title: str) -> dict[str, Any]:
    seller, buyer, words, on = issued.seller, issued.buyer, tongue.words, issued.issued_on
    return {
        "title": title,
        "number": issued.number,
        "date": {"year": on.year, "month": on.month, "day": on.day},
        "language": tongue.language,
        "words": words.model_dump(),
        "seller": {"name": seller["name"], "address": _address(tongue, seller)},
        "contact": [
            (words.email, seller["email"]),
            (words.vat_number, seller["vat_number"]),
            (words.tax_number, seller.get("tax_number", "")),
            (words.register_number, seller.get("register_number", "")),
            ("IBAN", _in_fours(seller.get("iban", ""))),
            ("BIC", seller.get("bic", "")),
        ],
        "buyer": [
            buyer["company_name"],
            buyer["name"],
            *_address(tongue, buyer),
            buyer["email"],
        ],
    }


def _meta(issued: Issued, tongue: Tongue, label: str) -> Cells:
    return [(label, issued.number), (tongue.words.date, tongue.day(issued.issued_on))]


def _sums(tongue: Tongue, terms: dict[str, Any]) -> Cells:
    """Return what leads to the total; taxes only where prices don't include them."""
    words = tongue.words
    subtotal = sum(line["quantity"] * line["unit_price"] for line in terms["lines"])
    sums = [(words.goods, subtotal), (words.delivery, terms["delivery_price"])]
    sums += [
        (words.discount.format(code=given["code"]), -given["amount"])
        for given in terms["discounts"]
    ]
    if not includes_tax(terms):
        sums += [
            (f"{tongue.tax(tax['name'])} {tongue.percent(tax['rate_percent'])}", tax["amount"])
            for tax in terms["tax_lines"]
        ]
    return [(label, tongue.money(amount)) for label, amount in sums]


def _taxes(issued: Issued, tongue: Tongue, lines: TaxLines) -> list[list[str]]:
    """Return the table of taxes: which, on what, how much, both together; and why there is none."""
    rows = []
    for line in lines:
        net, tax, rate = line["net"], line["amount"], line["rate_percent"]
        reason = issued.seller.get("untaxed_reason") or tongue.words.untaxed
        label = reason if rate is None else f"{tongue.tax(line['name'])} {tongue.percent(rate)}"
        rows.append([label, *(tongue.money(each) for each in (net, tax, net + tax))])
    return rows


def _row(tongue: Tongue, line: dict[str, Any]) -> tuple[str, ...]:
    """Return name, code, quantity, tax, unit price and amount of a line."""
    rate = line.get("tax_rate_percent")
    return (
        line["name"],
        line["code"],
        str(line["quantity"]),
        tongue.percent(rate) if rate else "",
        tongue.money(line["unit_price"]),
        tongue.money(line["quantity"] * line["unit_price"]),
    )


def _in_fours(text: str) -> str:
    return "\xa0".join(text[first : first + 4] for first in range(0, len(text), 4))


def _address(tongue: Tongue, place: dict[str, str]) -> list[str]:
    town = " ".join(filter(None, [place["post_code"], place["city"]]))
    return [place["street_address"], town, place.get("state", ""), tongue.country(place["country"])]
