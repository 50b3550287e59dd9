from __future__ import annotations

from django.urls import path, register_converter

from apps.invoices.api import exports, imports, invoices, mails
from apps.invoices.exports import Month


class MonthConverter:
    regex = "20[0-9]{2}-(?:0[1-9]|1[0-2])"

    def to_python(self, value: str) -> Month:
        return Month.parse(value)

    def to_url(self, value: object) -> str:
        return str(value)


register_converter(MonthConverter, "month")

app_name = "invoices"
urlpatterns = [
    path("invoices", invoices.InvoiceCollection.as_view(), name="invoices"),
    path("invoices/imports", imports.ImportCollection.as_view(), name="imports"),
    path("invoices/imports/<uuid:import_id>", imports.ImportResource.as_view(), name="import"),
    path(
        "invoices/imports/<uuid:import_id>/lines",
        imports.ImportLines.as_view(),
        name="import-lines",
    ),
    path("invoices/exports/<month:month>.zip", exports.MonthAsZip.as_view(), name="month-zip"),
    path("invoices/exports/<month:month>.csv", exports.MonthAsCsv.as_view(), name="month-csv"),
    path("invoices/<uuid:invoice_id>", invoices.InvoiceResource.as_view(), name="invoice"),
    path("invoices/<uuid:invoice_id>/pdf", invoices.InvoicePdf.as_view(), name="invoice-pdf"),
    path(
        "invoices/<uuid:invoice_id>/credit-notes/<uuid:credit_note_id>/pdf",
        invoices.CreditNotePdf.as_view(),
        name="credit-note-pdf",
    ),
    path("mails/webhooks/ses", mails.SesReports.as_view(), name="ses-reports"),
]
