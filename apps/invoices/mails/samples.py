"""What could be told, for whoever wants to see what mails look like."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from apps.invoices.mails.contents import Told

_TERMS = {
    "lines": [
        {"name": "Reading lamp, brass", "quantity": 2, "unit_price": 4990},
        {
            "name": "Wool rug, hand-woven in undyed yarn from the islands, 200 by 300 cm",
            "quantity": 1,
            "unit_price": 129900,
        },
    ],
    "delivery_price": 1900,
    "discounts": [{"code": "SPRING", "amount": 1000}],
    "tax_lines": [{"name": "VAT", "rate_percent": "25", "amount": 28156}],
    "total": 140780,
    "currency": "EUR",
    "prices_include_tax": True,
}
_ADDRESS = {
    "name": "Ada Lovelace",
    "company_name": "Analytical Engines Ltd",
    "street_address": "Storgatan 1",
    "post_code": "111 22",
    "city": "Stockholm",
    "state": "",
    "country": "SE",
}
_PAID = {"amount": "140780", "currency": "EUR", "invoice": "INV-2026-000042"}
_REFUND = {"amount": "4990", "why": "Arrived broken", "credit_note": "CN-2026-000007"}
_FACTS: dict[str, dict[str, str]] = {
    "SHIPPED": {"tracking_number": "TRK-7KQ2-M3XP"},
    "CANCELLED": {"reason": "out_of_stock"},
    "FAILED": {"reason": "delivery_failed"},
    "INVOICE": _PAID,
    "CREDIT_NOTE": {**_PAID, **_REFUND},
}


def sample(kind: str, language: str, *, seller: Mapping[str, str], shop: str) -> Told:
    """Return what a mail of this kind might tell a guest, with this seller's own data."""
    terms: dict[str, Any] = _TERMS
    return Told(
        kind=kind,
        number="7KQ2-M3XP-R4T8",
        locale=language,
        placed_on=dt.date(2026, 3, 1),
        link=f"{shop}/order#token=…",
        link_ends_on=dt.date(2026, 5, 30),
        terms=terms,
        address=_ADDRESS,
        facts=_FACTS.get(kind, {}),
        seller=seller,
    )
