"""Documents, what they are made of, and where they lie."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.invoices import gateway
from apps.invoices.admin.months import MonthsAdmin
from apps.invoices.models import (
    Billing,
    CreditNote,
    Document,
    Invoice,
    Issued,
    Refund,
    Series,
)
from kernel.admin import OfOrderAdmin, ReadOnlyAdmin, ReadOnlyInline

AMOUNTS = (  # in lines, tax lines and terms
    "amount",
    "delivery_discount",
    "delivery_price",
    "delivery_tax",
    "discount",
    "net",
    "tax",
    "total",
    "unit_price",
)


class IssuedAdmin(OfOrderAdmin):
    date_hierarchy = "issued_on"
    ordering = ("-id",)
    readonly_fields = ("pdf",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any, Any]:
        found: QuerySet[Any, Any] = super().get_queryset(request)
        facts = {"stored_at": F("document__stored_at"), "key": F("document__key")}
        annotated: QuerySet[Any, Any] = found.annotate(**facts)
        return annotated

    @admin.display(description="stored", boolean=True)
    def is_stored(self, issued: Any) -> bool:
        return bool(issued.stored_at)

    @admin.display(description="PDF")
    def pdf(self, issued: Any) -> SafeString | str:
        if not issued.stored_at:
            return "is being stored"
        url = gateway.documents().link(key=issued.key, filename=f"{issued.number}.pdf")
        return format_html('<a href="{}" target="_blank">{}.pdf</a>', url, issued.number)


def _buyer(issued: Issued) -> str:
    return issued.buyer["company_name"] or issued.buyer["name"] or "erased"


class CreditNotes(ReadOnlyInline):
    model = CreditNote
    fields = ("number", "issued_on", "amount", "reason")
    amounts = ("amount",)
    show_change_link = True


@admin.register(Invoice)
class InvoiceAdmin(MonthsAdmin, IssuedAdmin):
    list_display = ("number", "order_number", "buyer_name", "total", "issued_on", "is_stored")
    list_filter = ("series", "currency", ("document__stored_at", admin.EmptyFieldListFilter))
    search_fields = ("=number", "=order_number", "=order_id", "=customer_id")
    search_help_text = "Number of the invoice or the order, id of the order or the customer."
    inlines = (CreditNotes,)
    amounts = ("total",)
    records = ("buyer", "seller", "terms")
    record_amounts = AMOUNTS
    fieldsets = (
        (None, {"fields": ("number", "pdf", "total", "issued_on", "paid_on", "delivered_on")}),
        ("Order", {"fields": ("order_number", "order_id", "customer_id")}),
        ("What it says", {"fields": ("buyer", "seller", "terms", "locale")}),
        ("Proof", {"fields": ("sha256", "series", "position", "issued_at", "id")}),
    )

    @admin.display(description="buyer")
    def buyer_name(self, invoice: Invoice) -> str:
        return _buyer(invoice)


@admin.register(CreditNote)
class CreditNoteAdmin(IssuedAdmin):
    order_id_field = "invoice.order_id"
    list_display = ("number", "invoice", "amount", "reason", "issued_on", "is_stored")
    list_filter = ("series", "currency")
    list_select_related = ("invoice",)
    search_fields = ("=number", "=invoice__number", "=invoice__order_number")
    search_help_text = "Number of the credit note, the invoice or the order."
    amounts = ("amount",)
    records = ("buyer", "seller", "tax_lines")
    record_amounts = AMOUNTS


@admin.register(Series)
class SeriesAdmin(ReadOnlyAdmin):
    list_display = ("code", "last_number", "last_issued_on")


@admin.register(Billing)
class BillingAdmin(OfOrderAdmin):
    list_display = ("order_id", "has_arrived", "captured_at", "issued_at")
    list_filter = (("issued_at", admin.EmptyFieldListFilter),)
    search_fields = ("=order_id",)
    records = ("fulfilment",)
    record_amounts = AMOUNTS

    @admin.display(description="goods arrived", boolean=True)
    def has_arrived(self, billing: Billing) -> bool:
        return bool(billing.fulfilment or billing.issued_at)


@admin.register(Refund)
class RefundAdmin(OfOrderAdmin):
    list_display = ("id", "order_id", "amount", "reason", "refunded_at", "credit_note")
    list_select_related = ("credit_note",)
    search_fields = ("=id", "=order_id")
    date_hierarchy = "refunded_at"
    amounts = ("amount",)


@admin.register(Document)
class DocumentAdmin(ReadOnlyAdmin):
    list_display = ("key", "invoice", "credit_note", "stored_at")
    list_filter = (("stored_at", admin.EmptyFieldListFilter),)
    list_select_related = ("invoice", "credit_note")
    search_fields = ("key",)
    exclude = ("content",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        found: QuerySet[Document] = super().get_queryset(request)
        return found.defer("content")
