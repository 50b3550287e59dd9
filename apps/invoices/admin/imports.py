"""Imports of a legacy system's invoices: how far they are, line by line, and refused uploads."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.invoices.models import Import, ImportedInvoice, ImportLine, Outcome, UploadNotice
from kernel.admin import ReadOnlyAdmin

_COUNTED = [(outcome, outcome.value.lower()) for outcome in Outcome]


def _lines_of(source: Import, outcome: str = "") -> str:
    url = reverse("admin:invoices_importline_changelist")
    narrowed = f"&outcome__exact={outcome}" if outcome else ""
    return f"{url}?source__id__exact={source.id}{narrowed}"


@admin.register(Import)
class ImportAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "state", "progress", "outcomes", "reason", "finished_at")
    list_filter = ("state",)
    search_fields = ("=id", "=asked_by")
    search_help_text = "Id of the import, or of who asked for it."
    ordering = ("-id",)
    date_hierarchy = "created_at"
    fields = (
        *("id", "state", "reason", "progress", "outcomes", "lines_read"),
        *("size_bytes", "sha256", "etag", "asked_by"),
        *("created_at", "expires_at", "received_at", "finished_at", "version"),
    )
    readonly_fields = ("progress", "outcomes")

    @admin.display(description="read")
    def progress(self, source: Import) -> SafeString:
        bar = '<progress max="100" value="{0}">{0} %</progress> {0}&nbsp;% of {1}'
        return format_html(bar, source.percent, filesizeformat(source.size_bytes))

    @admin.display(description="lines")
    def outcomes(self, source: Import) -> SafeString | str:
        found = [
            (_lines_of(source, outcome), f"{n:,}", column.replace("_", " "))
            for outcome, column in _COUNTED
            if (n := getattr(source, column))
        ]
        return format_html_join(", ", '<a href="{}">{} {}</a>', found) or "none yet"


@admin.register(ImportLine)
class ImportLineAdmin(ReadOnlyAdmin):
    list_display = ("number", "outcome", "invoice_number", "reason", "source")
    list_filter = ("outcome",)
    list_select_related = ("source",)
    search_fields = ("=invoice_number",)
    search_help_text = "The whole number of an invoice."
    sortable_by = ()
    # As an index has them: the lines of all files are many.
    ordering = ("source", "number")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Let the page of an import lead to its lines."""
        allowed: bool = super().lookup_allowed(lookup, value, request)
        return allowed or lookup == "source__id__exact"


@admin.register(ImportedInvoice)
class ImportedInvoiceAdmin(ReadOnlyAdmin):
    list_display = ("number", "customer_email", "total", "source", "line", "imported_at")
    list_select_related = ("source",)
    search_fields = ("=number", "=customer_email")
    search_help_text = "The invoice's number, or the customer's whole e-mail address."
    sortable_by = ()
    ordering = ("number",)
    amounts = ("total",)
    records = ("products",)


@admin.register(UploadNotice)
class UploadNoticeAdmin(ReadOnlyAdmin):
    list_display = ("told_at", "key", "size_bytes", "refusal", "stored_at")
    list_filter = (("refusal", admin.EmptyFieldListFilter), "refusal")
    search_fields = ("=key",)
    search_help_text = "The whole name of a file."
    ordering = ("-id",)
