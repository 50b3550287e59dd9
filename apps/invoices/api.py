"""Invoices over REST: their customer reads them, and support."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.invoices import gateway, queries
from apps.invoices.models import Document
from kernel.rest import etags
from kernel.rest.fields import MoneyField
from kernel.rest.paging import page


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
        email = serializers.CharField()
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
        product_id = serializers.UUIDField()
        code = serializers.CharField()
        name = serializers.CharField()
        quantity = serializers.IntegerField()
        unit_price = MoneyField()
        amount = MoneyField()

    @extend_schema_serializer(component_name="InvoiceTaxLine")
    class TaxLine(serializers.Serializer):
        name = serializers.CharField()
        rate_percent = serializers.CharField()
        amount = MoneyField()

    @extend_schema_serializer(component_name="InvoiceDiscount")
    class Discount(serializers.Serializer):
        code = serializers.CharField()
        amount = MoneyField()

    @extend_schema_serializer(component_name="CreditNote")
    class Note(serializers.Serializer):
        id = serializers.UUIDField()
        number = serializers.CharField()
        issued_on = serializers.DateField()
        amount = MoneyField()
        reason = serializers.CharField()
        pdf = serializers.URLField(allow_null=True)

    id = serializers.UUIDField()
    number = serializers.CharField()
    order_id = serializers.UUIDField()
    order_number = serializers.CharField()
    issued_on = serializers.DateField()
    paid_on = serializers.DateField()
    seller = Seller()
    buyer = Buyer()
    lines = Line(many=True)
    tax_lines = TaxLine(many=True)
    discounts = Discount(many=True)
    delivery_price = MoneyField()
    total = MoneyField()
    currency = serializers.CharField()
    credit_notes = Note(many=True)
    pdf = serializers.URLField(allow_null=True, help_text="Null until it is stored.")


class InvoiceCollection(APIView):
    class Filters(serializers.Serializer):
        order = serializers.UUIDField(required=False)
        email = serializers.CharField(required=False, max_length=254)
        number = serializers.CharField(required=False, max_length=30)

    @extend_schema_serializer(component_name="InvoicePage")
    class Output(serializers.Serializer):
        results = InvoiceOutput(many=True)
        next = serializers.URLField(allow_null=True)

    @extend_schema(
        operation_id="invoices_list",
        summary="Invoices, newest first",
        description="A customer's own; support sees everyone's."
        " Codes: `invalid`, `invalid_cursor`, `invalid_limit` (400).",
        parameters=[Filters],
        responses=Output,
    )
    def get(self, request: Request) -> Response:
        filters = self.Filters(data=request.query_params)
        filters.is_valid(raise_exception=True)
        found = queries.invoices(owner=_owner(request), **filters.validated_data)
        return page(request, found, order=("-id",), render=lambda row: _render(request, row))


class InvoiceResource(APIView):
    @extend_schema(
        operation_id="invoices_retrieve",
        summary="An invoice",
        description="Codes: `not_found` (404).",
        responses=InvoiceOutput,
    )
    def get(self, request: Request, invoice_id: uuid.UUID) -> Response:
        invoice = get_object_or_404(queries.invoices(owner=_owner(request)), id=invoice_id)
        return etags.answer(request, _render(request, invoice), version=_version(invoice))


_PDF_RESPONSES = {
    302: OpenApiResponse(description="`Location` leads to the file for a few minutes."),
    503: OpenApiResponse(description="`document_not_stored`: ask again after `Retry-After`."),
}


class InvoicePdf(APIView):
    @extend_schema(
        operation_id="invoices_pdf",
        summary="An invoice as PDF",
        description="Codes: `not_found` (404), `document_not_stored` (503).",
        responses=_PDF_RESPONSES,
    )
    def get(self, request: Request, invoice_id: uuid.UUID) -> Response:
        documents = queries.documents(owner=_owner(request))
        return _redirect(get_object_or_404(documents, invoice=invoice_id))


class CreditNotePdf(APIView):
    @extend_schema(
        operation_id="credit_notes_pdf",
        summary="A credit note as PDF",
        description="Codes: `not_found` (404), `document_not_stored` (503).",
        responses=_PDF_RESPONSES,
    )
    def get(self, request: Request, invoice_id: uuid.UUID, credit_note_id: uuid.UUID) -> Response:
        documents = queries.documents(owner=_owner(request))
        of_invoice = documents.filter(credit_note__invoice=invoice_id)
        return _redirect(get_object_or_404(of_invoice, credit_note=credit_note_id))


def _owner(request: Request) -> uuid.UUID | None:
    """Return whose invoices the caller may see; None for all."""
    caller: Any = request.user
    return None if caller.has_role("support") else caller.id


def _redirect(document: Document) -> Response:
    stored = queries.stored(document)
    issued = stored.invoice or stored.credit_note
    url = gateway.documents().link(key=stored.key, filename=f"{issued}.pdf")
    return Response(status=302, headers={"Location": url, "Cache-Control": "no-store"})


def _version(invoice: Any) -> int:
    """Count what can still happen to an invoice: documents stored, credit notes issued."""
    notes = [1 + bool(note.stored_at) for note in invoice.credit_notes.all()]
    return 1 + bool(invoice.stored_at) + sum(notes)


def _render(request: Request, invoice: Any) -> dict[str, Any]:
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
        "seller": invoice.seller,
        "buyer": invoice.buyer,
        "lines": [
            {
                **line,
                "unit_price": money(line["unit_price"]),
                "amount": money(line["quantity"] * line["unit_price"]),
            }
            for line in terms["lines"]
        ],
        "tax_lines": [{**line, "amount": money(line["amount"])} for line in terms["tax_lines"]],
        "discounts": [{**line, "amount": money(line["amount"])} for line in terms["discounts"]],
        "delivery_price": money(terms["delivery_price"]),
        "total": money(invoice.total),
        "currency": invoice.currency,
        "credit_notes": [_render_note(request, note) for note in invoice.credit_notes.all()],
        "pdf": _url(request, "invoice-pdf", invoice.stored_at, invoice_id=invoice.id),
    }


def _render_note(request: Request, note: Any) -> dict[str, Any]:
    ids = {"invoice_id": note.invoice_id, "credit_note_id": note.id}
    return {
        "id": note.id,
        "number": note.number,
        "issued_on": note.issued_on,
        "amount": {"amount": note.amount, "currency": note.currency},
        "reason": note.reason,
        "pdf": _url(request, "credit-note-pdf", note.stored_at, **ids),
    }


def _url(request: Request, name: str, stored_at: object, **ids: uuid.UUID) -> str | None:
    if not stored_at:
        return None
    return str(request.build_absolute_uri(reverse(f"invoices:{name}", kwargs=ids)))
