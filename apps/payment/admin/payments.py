"""What staff see of payments and gateways, and the few things that only they decide."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from apps.payment import usecases
from apps.payment.models import Circuit, LedgerEntry, Operation, Payment
from kernel.admin import OfOrderAdmin, ReadOnlyAdmin, ReadOnlyInline, act_on_each


class OperationInline(ReadOnlyInline):
    model = Operation
    amounts = ["amount"]
    currency_field = "payment.currency"
    fields = [
        "id",
        "kind",
        "amount",
        "state",
        "reason",
        "refusal",
        "tries",
        "asked_at",
        "answered_at",
    ]
    ordering = ["-id"]
    show_change_link = True


class LedgerInline(ReadOnlyInline):
    model = LedgerEntry
    verbose_name_plural = "ledger"
    fields = ["at", "debit", "credit", "amount", "operation"]
    amounts = ["amount"]
    ordering = ["id"]


class HoldFilter(admin.SimpleListFilter):
    title = "what is held"
    parameter_name = "hold"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("lapsing", "Lapses soon, order open"), ("kept", "Still held, order ended")]

    def queryset(self, request: HttpRequest, payments: QuerySet[Payment]) -> QuerySet[Payment]:
        held = payments.filter(authorized__gt=0, captured=0)
        match self.value():
            case "lapsing":
                return held.filter(warned_at__isnull=False, is_ended=False, is_fulfilled=False)
            case "kept":
                return held.filter(is_ended=True)
            case _:
                return payments


@admin.register(Payment)
class PaymentAdmin(OfOrderAdmin):
    list_display = [
        "order_id",
        "state",
        "authorized",
        "captured",
        "refunded",
        "gateway",
        "reason",
        "held_until",
        "created_at",
    ]
    list_filter = ["state", HoldFilter, "gateway", "is_ended"]
    search_fields = ["order_id__exact", "token__exact"]
    search_help_text = "An order's id, or a gateway's token, whole."
    date_hierarchy = "created_at"
    ordering = ["-order_id"]
    list_per_page = 50
    inlines = [OperationInline, LedgerInline]
    actions = ["retry_capture", "retry_refused", "write_off"]
    amounts = ["target", "authorized", "captured", "refunded"]
    fieldsets = (
        (None, {"fields": ("order_id", "state", "reason")}),
        ("Money", {"fields": ("target", "authorized", "captured", "refunded")}),
        ("What is held", {"fields": ("held_until", "warned_at", "is_lapsing")}),
        ("The order", {"fields": ("placed_at", "is_shipped", "is_fulfilled", "is_ended")}),
        ("At the gateway", {"fields": ("gateway", "token", "reference")}),
        ("Versions", {"fields": ("target_version", "version", "created_at", "updated_at")}),
    )

    @admin.action(description="Retry the capture")
    def retry_capture(self, request: HttpRequest, chosen: QuerySet[Payment]) -> None:
        _ask(request, chosen, usecases.retry_capture)

    @admin.action(description="Ask again for what the gateway refused")
    def retry_refused(self, request: HttpRequest, chosen: QuerySet[Payment]) -> None:
        _ask(request, chosen, usecases.retry_refused)

    @admin.action(description="Write off: release what is held")
    def write_off(self, request: HttpRequest, chosen: QuerySet[Payment]) -> None:
        _ask(request, chosen, usecases.write_off, reason="written off in the admin")


@admin.register(Operation)
class OperationAdmin(OfOrderAdmin):
    order_id_field = "payment_id"
    amounts = ["amount", "fee"]
    currency_field = "payment.currency"
    list_display = [
        "id",
        "payment_link",
        "kind",
        "amount",
        "state",
        "refusal",
        "tries",
        "created_at",
        "answered_at",
    ]
    list_filter = ["state", "kind"]
    list_select_related = ["payment"]
    search_fields = ["id__exact", "payment__order_id__exact"]
    search_help_text = "An operation's id, or an order's, whole."
    date_hierarchy = "created_at"
    ordering = ["-id"]
    list_per_page = 50

    @admin.display(description="Payment of order", ordering="payment_id")
    def payment_link(self, operation: Operation) -> str:
        url = reverse("admin:payment_payment_change", args=[operation.payment_id])
        return format_html('<a href="{}">{}</a>', url, operation.payment_id)


@admin.register(Circuit)
class CircuitAdmin(ReadOnlyAdmin):
    list_display = ["gateway", "how", "failures", "opened_at", "last_error", "last_error_at"]
    ordering = ["gateway"]

    @admin.display(description="State")
    def how(self, circuit: Circuit) -> str:
        return circuit.state_at(timezone.now()).label


@admin.register(LedgerEntry)
class LedgerEntryAdmin(OfOrderAdmin):
    order_id_field = "payment_id"
    list_display = ["at", "debit", "credit", "amount", "payment_id"]
    amounts = ["amount"]
    list_filter = ["debit", "credit"]
    search_fields = ["payment__order_id__exact", "operation__id__exact"]
    search_help_text = "An order's id, or an operation's, whole."
    date_hierarchy = "at"
    ordering = ["-id"]
    list_per_page = 50


def _ask(
    request: HttpRequest,
    payments: QuerySet[Payment],
    use_case: Callable[..., Operation],
    **asked: Any,
) -> None:
    call = functools.partial(use_case, at=timezone.now(), **asked)
    orders = payments.values_list("order_id", flat=True)
    calls = {str(each): functools.partial(call, order_id=each) for each in orders}
    act_on_each(request, calls, said="asked of the gateway")
