"""What staff see of payments, and the two things that only they decide."""

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
from apps.payment.models import Operation, Payment
from kernel.admin import OfOrderAdmin, ReadOnlyInline, act_on_each
from kernel.money import display


class OperationInline(ReadOnlyInline):
    model = Operation
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


@admin.register(Payment)
class PaymentAdmin(OfOrderAdmin):
    list_display = [
        "order_id",
        "state",
        "held",
        "taken",
        "given_back",
        "gateway",
        "reason",
        "created_at",
    ]
    list_filter = ["state", "gateway", "is_ended"]
    search_fields = ["order_id__exact", "token__exact"]
    search_help_text = "An order's id, or a gateway's token, whole."
    date_hierarchy = "created_at"
    ordering = ["-order_id"]
    list_per_page = 50
    inlines = [OperationInline]
    actions = ["retry_capture", "write_off"]

    @admin.display(description="Authorized", ordering="authorized")
    def held(self, payment: Payment) -> str:
        return _money(payment.authorized, payment)

    @admin.display(description="Captured", ordering="captured")
    def taken(self, payment: Payment) -> str:
        return _money(payment.captured, payment)

    @admin.display(description="Refunded", ordering="refunded")
    def given_back(self, payment: Payment) -> str:
        return _money(payment.refunded, payment)

    @admin.action(description="Retry the capture")
    def retry_capture(self, request: HttpRequest, chosen: QuerySet[Payment]) -> None:
        _ask(request, chosen, usecases.retry_capture)

    @admin.action(description="Write off: release what is held")
    def write_off(self, request: HttpRequest, chosen: QuerySet[Payment]) -> None:
        _ask(request, chosen, usecases.write_off, reason="written off in the admin")


@admin.register(Operation)
class OperationAdmin(OfOrderAdmin):
    order_id_field = "payment_id"
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


def _money(amount: int, payment: Payment) -> str:
    return display(amount, payment.currency) if payment.currency else ""
