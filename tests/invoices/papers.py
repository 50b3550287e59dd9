"""Invoices and credit notes as they would be issued, without a database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from apps.invoices.models import CreditNote, Invoice
from kernel.ids import new_id

ISSUED_ON = dt.date(2026, 3, 2)
SELLER = {
    "name": "The Shop AB",
    "street_address": "Drottninggatan 1",
    "post_code": "111 51",
    "city": "Stockholm",
    "country": "SE",
    "vat_number": "SE123456789701",
    "tax_number": "16556677-8899",
    "register_number": "556677-8899",
    "email": "billing@shop.example",
    "iban": "SE4550000000058398257466",
    "bic": "ESSESESS",
    "closing_words": "Thank you for your order.",
    "untaxed_reason": "No tax is charged.",
    "logo": None,
}
BUYER = {
    "name": "Ada Lovelace",
    "company_name": "Analytical Engines Ltd",
    "street_address": "Storgatan 1",
    "post_code": "111 22",
    "city": "Stockholm",
    "state": "",
    "country": "SE",
    "email": "ada@example.com",
}


def line(
    name: str = "Lamp",
    quantity: int = 2,
    unit_price: int = 4990,
    *,
    rate: str | None = "25",
    discount: int = 0,
    code: str = "L-1",
) -> dict[str, Any]:
    """Return a line, whose tax is worked out when the terms are."""
    return {
        "product_id": str(new_id()),
        "code": code,
        "name": name,
        "quantity": quantity,
        "unit_price": unit_price,
        "discount": discount,
        "tax_rate_percent": rate,
    }


def terms(
    *lines: dict[str, Any],
    delivery: int = 1000,
    delivery_discount: int = 0,
    delivery_rate: str | None = "25",
    is_gross: bool = True,
    currency: str = "EUR",
) -> dict[str, Any]:
    """Return terms whose taxes and total are those of their lines and the delivery."""
    paid = [each["quantity"] * each["unit_price"] - each["discount"] for each in lines]
    rates = [each["tax_rate_percent"] for each in lines]
    parts = [*zip(paid, rates, strict=True), (delivery - delivery_discount, delivery_rate)]
    taxes = [_tax(amount, rate, is_gross=is_gross) for amount, rate in parts]
    by_rate: dict[str, list[int]] = {}
    for (amount, rate), tax in zip(parts, taxes, strict=True):
        if rate is not None:
            sums = by_rate.setdefault(rate, [0, 0])
            sums[0] += amount - tax if is_gross else amount
            sums[1] += tax
    discounts = sum(each["discount"] for each in lines) + delivery_discount
    return {
        "lines": [{**each, "tax": tax} for each, tax in zip(lines, taxes, strict=False)],
        "delivery_price": delivery,
        "delivery_discount": delivery_discount,
        "delivery_tax": taxes[-1],
        "delivery_tax_rate_percent": delivery_rate,
        "tax_lines": [
            {"name": "VAT", "rate_percent": rate, "net": net, "amount": amount}
            for rate, (net, amount) in sorted(by_rate.items(), key=lambda item: -Decimal(item[0]))
        ],
        "discounts": [{"code": "SPRING", "amount": discounts}] if discounts else [],
        "total": sum(amount for amount, _ in parts) + (0 if is_gross else sum(taxes)),
        "currency": currency,
        "prices_include_tax": is_gross,
    }


def invoice(agreed: dict[str, Any] | None = None, **changes: Any) -> Invoice:
    """Return an invoice that has its number."""
    agreed = agreed or terms(line(discount=500))
    facts = {
        "series_id": "INV-2026",
        "position": 1,
        "number": "INV-2026-000001",
        "issued_on": ISSUED_ON,
        "paid_on": ISSUED_ON - dt.timedelta(days=1),
        "delivered_on": ISSUED_ON - dt.timedelta(days=1),
        "order_id": new_id(),
        "order_number": "7KQ2-M3XP",
        "locale": "en",
        "currency": agreed["currency"],
        "seller": SELLER,
        "buyer": BUYER,
        "terms": agreed,
        "total": agreed["total"],
    }
    return Invoice(**{**facts, **changes})


def credit_note(of: Invoice, amount: int, *, earlier: Sequence[CreditNote] = ()) -> CreditNote:
    """Return a credit note that has its number."""
    return CreditNote(
        invoice=of,
        number="CN-2026-000001",
        issued_on=ISSUED_ON + dt.timedelta(days=10),
        locale=of.locale,
        currency=of.currency,
        seller=of.seller,
        buyer=of.buyer,
        amount=amount,
        tax_lines=of.credit(amount, of.currency, earlier=earlier),
        reason="Arrived broken",
    )


def _tax(paid: int, rate: str | None, *, is_gross: bool) -> int:
    percent = Decimal(rate or 0)
    tax = paid * percent / (100 + percent if is_gross else 100)
    return int(tax.to_integral_value(ROUND_HALF_UP))
