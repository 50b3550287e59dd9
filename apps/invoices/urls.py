from __future__ import annotations

from django.urls import path

from apps.invoices import api

app_name = "invoices"
urlpatterns = [
    path("invoices", api.InvoiceCollection.as_view(), name="invoices"),
    path("invoices/<uuid:invoice_id>", api.InvoiceResource.as_view(), name="invoice"),
    path("invoices/<uuid:invoice_id>/pdf", api.InvoicePdf.as_view(), name="invoice-pdf"),
    path(
        "invoices/<uuid:invoice_id>/credit-notes/<uuid:credit_note_id>/pdf",
        api.CreditNotePdf.as_view(),
        name="credit-note-pdf",
    ),
]
