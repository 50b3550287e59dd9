"""Invoices and credit notes as PDF, set by typst: pure computation, no outside world."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import orjson
import typst
from babel import Locale, UnknownLocaleError
from babel.dates import format_date

from apps.invoices.models import CreditNote, Invoice, Issued
from kernel.money import display

TEMPLATE = Path(__file__).parent / "templates" / "document.typ"
# Only typst's own fonts: a document looks the same wherever it is made.
_FONTS = typst.Fonts(include_system_fonts=False)

Cells = list[tuple[str, str]]


def invoice_pdf(invoice: Invoice) -> bytes:
    """Set an invoice that has its number; the same invoice gives the same bytes."""
    terms = invoice.terms
    subtotal = sum(line["quantity"] * line["unit_price"] for line in terms["lines"])
    sums = [("Goods", subtotal), ("Delivery", terms["delivery_price"])]
    sums += [(f"Discount {given['code']}", -given["amount"]) for given in terms["discounts"]]
    taxes = [
        (f"including {tax['name']} {tax['rate_percent']} %", tax["amount"])
        for tax in terms["tax_lines"]
    ]
    facts = {
        **_common(invoice, "Invoice"),
        "meta": [
            *_meta(invoice, "Invoice number"),
            ("Order", invoice.order_number),
            ("Paid", _day(invoice.paid_on)),
        ],
        "rows": [_row(invoice, line) for line in terms["lines"]],
        "sums": _amounts(invoice, sums),
        "total": ("Total", _money(invoice, invoice.total)),
        "taxes": _amounts(invoice, taxes),
        "notes": [
            f"Paid in full on {_day(invoice.paid_on)}. Nothing is left to pay.",
            invoice.seller["closing_words"],
        ],
    }
    return _compile(facts)


def credit_note_pdf(note: CreditNote) -> bytes:
    """Set a credit note that has its number; the same note gives the same bytes."""
    invoice = note.invoice
    credited = {
        "name": f"Refund on invoice {invoice.number} of {_day(invoice.issued_on)}",
        "code": note.reason,
        "quantity": 1,
        "unit_price": note.amount,
    }
    facts = {
        **_common(note, "Credit note"),
        "meta": [
            *_meta(note, "Credit note number"),
            ("Invoice", invoice.number),
            ("Order", invoice.order_number),
        ],
        "rows": [_row(note, credited)],
        "sums": [],
        "total": ("Total credited", _money(note, note.amount)),
        "taxes": [],
        "notes": [f"This amount was paid back to you. It lowers invoice {invoice.number}."],
    }
    return _compile(facts)


def _compile(facts: dict[str, Any]) -> bytes:
    compiled: bytes = typst.compile(
        str(TEMPLATE),
        root=str(TEMPLATE.parent),
        font_paths=_FONTS,
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={"facts": orjson.dumps(facts).decode()},
    )
    return compiled


def _common(issued: Issued, title: str) -> dict[str, Any]:
    seller, buyer = issued.seller, issued.buyer
    on = issued.issued_on
    return {
        "title": title,
        "number": issued.number,
        "date": {"year": on.year, "month": on.month, "day": on.day},
        "seller": {"name": seller["name"], "address": _address(seller)},
        "contact": [("VAT no.", seller["vat_number"]), ("E-mail", seller["email"])],
        "buyer": [buyer["company_name"], buyer["name"], *_address(buyer), buyer["email"]],
    }


def _meta(issued: Issued, label: str) -> Cells:
    return [(label, issued.number), ("Date", _day(issued.issued_on))]


def _row(issued: Issued, line: dict[str, Any]) -> dict[str, str]:
    return {
        "name": line["name"],
        "code": line["code"],
        "quantity": str(line["quantity"]),
        "unit_price": _money(issued, line["unit_price"]),
        "amount": _money(issued, line["quantity"] * line["unit_price"]),
    }


def _amounts(issued: Issued, amounts: list[tuple[str, int]]) -> Cells:
    return [(label, _money(issued, amount)) for label, amount in amounts]


def _address(place: dict[str, str]) -> list[str]:
    town = " ".join(filter(None, [place["post_code"], place["city"]]))
    country = Locale("en").territories.get(place["country"], place["country"])
    return [place["street_address"], town, place.get("state", ""), country]


def _day(day: dt.date) -> str:
    return format_date(day, "d MMMM y", locale="en")


def _money(issued: Issued, amount: int) -> str:
    return display(amount, issued.currency, _locale(issued.locale))


def _locale(tag: str) -> str:
    """Return the customer's locale as Babel writes it, or English if it knows no such one."""
    try:
        return str(Locale.parse(tag.replace("-", "_")))
    except (ValueError, UnknownLocaleError):
        return "en"
