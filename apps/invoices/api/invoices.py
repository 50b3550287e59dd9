"""Invoices over REST: their customer reads them, and support."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import (
    OpenApiResponse,
    extend_schema,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.invoices import gateway, queries
from apps.invoices.api.rendering import InvoiceOutput, render, version
from apps.invoices.models import Document
from kernel.rest import etags
from kernel.rest.authentication import BearerAuthentication
from kernel.rest.declarations import refuses, sends
from kernel.rest.fields import QueryForm
from kernel.rest.order_links import Guest, OrderTokenAuthentication
from kernel.rest.paging import page
from kernel.rest.selection import FIELDS

# Of an order: its customer, support, or whoever has a guest's link to it.
CALLERS = (BearerAuthentication, OrderTokenAuthentication)


class InvoiceCollection(APIView):
    authentication_classes = CALLERS

    class Filters(QueryForm):
        order = serializers.UUIDField(required=False)
        email = serializers.CharField(
            required=False,
            max_length=254,
            help_text="Of its holder now, or as the invoice says: a guest's, too.",
        )
        number = serializers.CharField(required=False, max_length=30)
        since = serializers.DateField(required=False, help_text="Issued on that day or later.")
        until = serializers.DateField(required=False, help_text="Issued on that day or earlier.")

    @extend_schema_serializer(component_name="InvoicePage")
    class Output(serializers.Serializer):
        results = InvoiceOutput(many=True)
        next = serializers.URLField(allow_null=True)

    @extend_schema(
        operation_id="list_invoices",
        summary="List invoices",
        description="Newest first: a customer's own, a guest's of the order; support sees"
        " everyone's.",
        parameters=[Filters, FIELDS],
        responses=Output,
    )
    def get(self, request: Request) -> Response:
        filters = self.Filters(data=request.query_params)
        filters.is_valid(raise_exception=True)
        found = queries.invoices(**_reach(request), **filters.validated_data)
        return page(
            request,
            found,
            order=("-id",),
            render=lambda row: render(request, row),
            known=[self.Filters],
            fields=InvoiceOutput,
        )


class InvoiceResource(APIView):
    authentication_classes = CALLERS

    @extend_schema(
        operation_id="get_invoice",
        summary="Read an invoice",
        parameters=[FIELDS],
        responses=InvoiceOutput,
    )
    @sends("ETag")
    def get(self, request: Request, invoice_id: uuid.UUID) -> Response:
        invoice = get_object_or_404(queries.invoices(**_reach(request)), id=invoice_id)
        return etags.answer(
            request,
            render(request, invoice),
            version=version(invoice),
            fields=InvoiceOutput,
        )


_PDF_RESPONSES = {
    302: OpenApiResponse(description="`Location` leads to the file for a few minutes."),
    503: OpenApiResponse(description="`document_not_stored`: ask again after `Retry-After`."),
}


class InvoicePdf(APIView):
    authentication_classes = CALLERS

    @extend_schema(
        operation_id="get_invoice_pdf",
        summary="Read an invoice as PDF",
        description="`Location` leads to the file for a few minutes.",
        responses=_PDF_RESPONSES,
    )
    @refuses(queries.DocumentNotStored)
    @sends("Location")
    def get(self, request: Request, invoice_id: uuid.UUID) -> Response:
        documents = queries.documents(**_reach(request))
        return _redirect(get_object_or_404(documents, invoice=invoice_id))


class CreditNotePdf(APIView):
    authentication_classes = CALLERS

    @extend_schema(
        operation_id="get_credit_note_pdf",
        summary="Read a credit note as PDF",
        description="`Location` leads to the file for a few minutes.",
        responses=_PDF_RESPONSES,
    )
    @refuses(queries.DocumentNotStored)
    @sends("Location")
    def get(self, request: Request, invoice_id: uuid.UUID, credit_note_id: uuid.UUID) -> Response:
        documents = queries.documents(**_reach(request))
        of_invoice = documents.filter(credit_note__invoice=invoice_id)
        return _redirect(get_object_or_404(of_invoice, credit_note=credit_note_id))


def _reach(request: Request) -> dict[str, Any]:
    """Return what the invoices that the caller may see have in common."""
    caller: Any = request.user
    if isinstance(caller, Guest):
        return {"owner": None, "guest_order": caller.id}
    return {"owner": None if caller.has_role("support") else caller.id, "guest_order": None}


def _redirect(document: Document) -> Response:
    stored = queries.stored(document)
    issued = stored.invoice or stored.credit_note
    url = gateway.documents().link(key=stored.key, filename=f"{issued}.pdf")
    return Response(status=302, headers={"Location": url, "Cache-Control": "no-store"})
