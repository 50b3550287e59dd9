"""
The page on which people see what the third party holds.

It is for a machine of one's own: whoever reaches the port may look. No token is shown whole, so
that nobody can pay with what they see here.
"""

from __future__ import annotations

import base64
import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from payment_3p.cards import CARDS
from payment_3p.models import Entry, Payment

PER_PAGE = 25
_STYLE = (Path(__file__).parent / "templates" / "page.css").read_text()
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# Currencies whose minor unit is not the hundredth part (ISO 4217).
_DECIMALS = {"JPY": 0, "KRW": 0, "ISK": 0, "CLP": 0, "VND": 0, "BHD": 3, "KWD": 3, "TND": 3}


def show(request: HttpRequest) -> HttpResponse:
    """Show payments, newest first; `?before=` and `?state=` are the page's own links."""
    before, state = request.GET.get("before", ""), request.GET.get("state", "")
    rows = Payment.objects.order_by("-pk")
    rows = rows.prefetch_related(Prefetch("entries", Entry.objects.order_by("pk")))
    if state in Payment.State.values:
        rows = rows.filter(state=state)
    if before.isascii() and before.isdecimal():
        rows = rows.filter(pk__lt=int(before[:18]))
    found = list(rows[: PER_PAGE + 1])
    context = {
        "style": _STYLE,
        "payments": list(map(_shown, found[:PER_PAGE])),
        "states": Payment.State.values,
        "state": state,
        "is_first": not before,
        "next": found[PER_PAGE - 1].pk if len(found) > PER_PAGE else None,
        "cards": CARDS,
    }
    response = render(request, "page.html", context)
    for name, value in _HEADERS.items():
        response[name] = value
    return response


def _shown(payment: Payment) -> dict[str, Any]:
    amounts = {name: getattr(payment, name) for name in ("limit", "held", "captured", "refunded")}
    return {
        "token": f"{payment.token[:12]}…",
        "card": f"•••• {payment.last4}",
        "behaviour": payment.behaviour,
        "state": payment.state,
        "created_at": payment.created_at,
        "amounts": {name: _money(value, payment.currency) for name, value in amounts.items()},
        "entries": list(map(_entry, payment.entries.all())),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    currency = entry.payment.currency
    return {
        "operation": entry.operation,
        "amount": _money(entry.amount, currency),
        "fee": _money(entry.fee, currency) if entry.fee else "",
        "reference": entry.reference,
        "made_at": entry.made_at,
    }


def _money(amount: int, currency: str) -> str:
    decimals = _DECIMALS.get(currency, 2)
    return f"{Decimal(amount).scaleb(-decimals):,.{decimals}f} {currency}"
