"""How invoices look over REST."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django.urls import reverse
from drf_spectacular.utils import (
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.request import Request

from apps.invoices.models import TaxLines
from kernel.rest.fields import MoneyField


@extend_schema_serializer(component_name="Invoice")
class InvoiceOutput(serializers.Serializer):
    @extend_schema_serializer(component_name="InvoiceSeller")
    class Seller(serializers.Serializer):
        name = serializers.CharField()
        street_address = serializers.CharField()
        post_code = serializers.CharField()
        city = serializers.CharField()
        country = serializers.CharField()
        vat_number = serializers.CharField()
        tax_number = serializers.CharField()
        register_number = serializers.CharField()
        email = serializers.CharField()
        iban = serializers.CharField()
        bic = serializers.CharField()
        closing_words = serializers.CharField()

    @extend_schema_serializer(component_name="InvoiceBuyer")
    class Buyer(serializers.Serializer):
        name = serializers.CharField()
        company_name = serializers.CharField()
        street_address = serializers.CharField()
        post_code = serializers.CharField()
        city = serializers.CharField()
        state = serializers.CharField()
        country = serializers.CharField()
        email = serializers.CharField()

    @extend_schema_serializer(component_name="InvoiceLine")
    class Line(serializers.Serializer):
        @extend_schema_serializer(component_name="InvoiceLineTax")
        class Tax(serializers.Serializer):
            rate_percent = serializers.CharField()
            amount = MoneyField()

        product_id = serializers.UUIDField()
        code = serializers.CharField()
        name = serializers.CharField()
        quantity = serializers.IntegerField()
        unit_price = MoneyField()
        amount = MoneyField(help_text="Before any discount.")
        discount = MoneyField()
        tax = Tax(allow_null=True, help_text="On what is paid for the line.")

    @extend_schema_serializer(component_name="InvoiceTaxLine")
    class TaxLine(serializers.Serializer):
        name = serializers.CharField()
        rate_percent = serializers.CharField()
        net = MoneyField(help_text="What the tax lies on, without it.")
        amount = MoneyField()

    @extend_schema_serializer(component_name="InvoiceDiscount")
    class Discount(serializers.Serializer):
        code = serializers.CharField()
        amount = MoneyField()

    @extend_schema_serializer(component_name="CreditNote")
    class Note(serializers.Serializer):
        @extend_schema_serializer(component_name="CreditedTaxLine")
        class CreditedTaxLine(serializers.Serializer):
            name = serializers.CharField()
            rate_percent = serializers.CharField(allow_null=True, help_text="Null without a tax.")
            net = MoneyField()
            amount = MoneyField()

        id = serializers.UUIDField()
        number = serializers.CharField()
        issued_on = serializers.DateField()
        amount = MoneyField()
        tax_lines = CreditedTaxLine(many=True, help_text="What the amount consists of.")
        reason = serializers.CharField()
        pdf = serializers.URLField(allow_null=True)

    id = serializers.UUIDField()
    number = serializers.CharField()
    order_id = serializers.UUIDField()
    order_number = serializers.CharField()
    issued_on = serializers.DateField()
    paid_on = serializers.DateField()
    delivered_on = serializers.DateField(allow_null=True)
    seller = Seller()
    buyer = Buyer()
    lines = Line(many=True)
    prices_include_tax = serializers.BooleanField(help_text="Else the taxes are added to them.")
    tax_lines = TaxLine(many=True)
    discounts = Discount(many=True)
    delivery_price = MoneyField()
    total = MoneyField()
    currency = serializers.CharField()
    credit_notes = Note(many=True)
    pdf = serializers.URLField(allow_null=True, help_text="Null until it is stored.")


_OF_SELLER = tuple(InvoiceOutput.Seller().fields)


def version(invoice: Any) -> int:
    """Count what can still happen to an invoice: documents stored, credit notes issued."""
    notes = [1 + bool(note.stored_at) for note in invoice.credit_notes.all()]
    return 1 + bool(invoice.stored_at) + sum(notes)


def render(request: Request, invoice: Any) -> dict[str, Any]:
    """Return an invoice as `InvoiceOutput` describes it."""
    terms = invoice.terms

    def money(amount: int) -> dict[str, Any]:
        return {"amount": amount, "currency": invoice.currency}

    return {
        "id": invoice.id,
        "number": invoice.number,
        "order_id": invoice.order_id,
        "order_number": invoice.order_number,
        "issued_on": invoice.issued_on,
        "paid_on": invoice.paid_on,
        "delivered_on": invoice.delivered_on,
        # What was issued before sellers had more to say says less.
        "seller": {name: invoice.seller.get(name, "") for name in _OF_SELLER},
        "buyer": invoice.buyer,
        "lines": [_render_line(line, money) for line in terms["lines"]],
        "prices_include_tax": terms.get("prices_include_tax", True),
        "tax_lines": _render_taxes(terms["tax_lines"], money),
        "discounts": [{**line, "amount": money(line["amount"])} for line in terms["discounts"]],
        "delivery_price": money(terms["delivery_price"]),
        "total": money(invoice.total),
        "currency": invoice.currency,
        "credit_notes": [_render_note(request, note, money) for note in invoice.credit_notes.all()],
        "pdf": _url(request, "invoice-pdf", invoice.stored_at, invoice_id=invoice.id),
    }


def _render_line(line: Mapping[str, Any], money: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
    # What was invoiced before there were taxes and coupons says nothing of them.
    rate, tax = line.get("tax_rate_percent"), money(line.get("tax", 0))
    return {
        "product_id": line["product_id"],
        "code": line["code"],
        "name": line["name"],
        "quantity": line["quantity"],
        "unit_price": money(line["unit_price"]),
        "amount": money(line["quantity"] * line["unit_price"]),
        "discount": money(line.get("discount", 0)),
        "tax": {"rate_percent": rate, "amount": tax} if rate is not None else None,
    }


def _render_taxes(lines: TaxLines, money: Callable[[int], dict[str, Any]]) -> TaxLines:
    return [
        {**line, "net": money(line.get("net", 0)), "amount": money(line["amount"])}
        for line in lines
    ]


def _render_note(
    request: Request, note: Any, money: Callable[[int], dict[str, Any]]
) -> dict[str, Any]:
    ids = {"invoice_id": note.invoice_id, "credit_note_id": note.id}
    return {
        "id": note.id,
        "number": note.number,
        "issued_on": note.issued_on,
        "amount": money(note.amount),
        "tax_lines": _render_taxes(note.tax_lines, money),
        "reason": note.reason,
        "pdf": _url(request, "credit-note-pdf", note.stored_at, **ids),
    }


def _url(request: Request, name: str, stored_at: object, **ids: uuid.UUID) -> str | None:
    if not stored_at:
        return None
    return str(request.build_absolute_uri(reverse(f"invoices:{name}", kwargs=ids)))
