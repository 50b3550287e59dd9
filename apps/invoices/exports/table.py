"""A month as CSV for bookkeeping; docs/invoices.md says what the columns mean."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from apps.invoices.documents import written
from apps.invoices.models import CreditNote, Invoice

COLUMNS = (
    "kind",
    "number",
    "issued_on",
    "order_number",
    "invoice_number",
    "paid_on",
    "delivered_on",
    "buyer",
    "country",
    "currency",
    "tax_name",
    "tax_percent",
    "net",
    "tax",
    "gross",
    "sha256",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PART = 64 * 1024


def csv_of(documents: Iterable[Invoice | CreditNote]) -> Iterator[bytes]:
    """Yield the table in parts: a line for each rate of each document."""
    file = io.StringIO(newline="")
    table = csv.writer(file)  # RFC 4180
    table.writerow(COLUMNS)
    for document in documents:
        table.writerows(rows(document))
        if file.tell() > _PART:
            yield _taken(file)
    yield _taken(file)


def rows(document: Invoice | CreditNote) -> Iterator[list[str]]:
    """Yield a document's lines; what is credited is negative."""
    if isinstance(document, CreditNote):
        kind, invoice, taxes, sign = "credit_note", document.invoice, document.tax_lines, -1
    else:
        kind, invoice, taxes, sign = "invoice", document, document.taxed(), 1
    nothing = {"name": "", "rate_percent": None, "net": 0, "amount": 0}
    for line in taxes or [nothing]:
        amounts = (line["net"], line["amount"], line["net"] + line["amount"])
        yield [
            kind,
            document.number,
            document.issued_on.isoformat(),
            _text(invoice.order_number),
            invoice.number,
            invoice.paid_on.isoformat(),
            _plain(invoice.delivered_on),
            _text(document.buyer["company_name"] or document.buyer["name"]),
            document.buyer["country"],
            document.currency,
            _text(line["name"]),
            line["rate_percent"] or "",
            *(written(sign * amount, document.currency) for amount in amounts),
            document.sha256,
        ]


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _text(value: str) -> str:
    """Return a text that a spreadsheet doesn't take for a formula."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def _taken(file: io.StringIO) -> bytes:
    text = file.getvalue()
    file.seek(0)
    file.truncate()
    return text.encode()
