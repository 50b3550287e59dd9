from __future__ import annotations

import datetime as dt
import functools
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from apps.orders import usecases
from apps.orders.models import (
    ANSWERS,
    AWAITS_MACHINE,
    DEEDS,
    Cart,
    CartLine,
    CatalogueItem,
    ErasedPerson,
    Order,
    OrderLine,
    StockItem,
    TimelineEntry,
    wait_of,
)
from kernel.admin import OfOrderAdmin, ReadOnlyAdmin, ReadOnlyInline, act_on_each


class OrderLineInline(ReadOnlyInline):
    model = OrderLine
    fields = (
        "code",
        "name",
        "ordered_quantity",
        "quantity",
        "unit_price",
        "discount",
        "tax_rate",
        "tax",
    )
    amounts = ("unit_price", "discount", "tax")
    currency_field = "order.currency"


class TimelineInline(ReadOnlyInline):
    model = TimelineEntry
    fields = ("at", "what", "state", "reason")
    ordering = ("id",)


class WaitFilter(admin.SimpleListFilter):
    title = "waits for"
    parameter_name = "waits"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        deeds = [(deed, f"{deed}, by people") for deed in DEEDS.values()]
        return [*((answer, answer) for answer in ANSWERS), *deeds]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        if answer := ANSWERS.get(self.value() or ""):
            return queryset.filter(answer)
        states = [state for state, deed in DEEDS.items() if deed == self.value()]
        return queryset.filter(state__in=states).exclude(AWAITS_MACHINE) if states else queryset


class StuckFilter(admin.SimpleListFilter):
    """What should have come by itself, and hasn't for longer than an order may wait."""

    title = "stuck"
    parameter_name = "stuck"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Stuck: a machine is silent")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        if self.value() != "yes":
            return queryset
        silent_since = timezone.now() - settings.ORDER_TIMEOUT
        return queryset.filter(AWAITS_MACHINE, updated_at__lt=silent_since)


@admin.register(Order)
class OrderAdmin(OfOrderAdmin):
    order_id_field = "id"
    list_display = ("number", "state", "waits_for", "total", "country", "placed_at")
    list_filter = (
        StuckFilter,
        WaitFilter,
        "state",
        "cancel_reason",
        "is_cancel_refused",
        "country",
        "placed_at",
    )
    search_fields = ("=number", "=id", "=customer_id", "=tracking_number")
    search_help_text = "A number, an order's or customer's id, or a tracking number"
    date_hierarchy = "placed_at"
    ordering = ("-id",)
    inlines = (OrderLineInline, TimelineInline)
    actions = ("cancel",)
    amounts = ("total", "delivery_price", "delivery_discount", "delivery_tax")
    records = ("address",)
    readonly_fields = ("waits_for",)
    fieldsets = (
        (None, {"fields": ("number", "state", "waits_for", "placed_at", "updated_at")}),
        ("To whom", {"fields": ("customer_id", "email", "address", "locale", "tracking_number")}),
        ("Money", {"fields": ("total", "coupon_code", "prices_include_tax", "gateway")}),
        (
            "Delivery",
            {
                "fields": (
                    "delivery_price",
                    "delivery_discount",
                    "delivery_tax_name",
                    "delivery_tax_rate",
                    "delivery_tax",
                )
            },
        ),
        (
            "Its end",
            {
                "fields": (
                    "cancel_reason",
                    "cancel_requested_by",
                    "cancel_requested_at",
                    "is_cancel_refused",
                    "deadline",
                )
            },
        ),
        ("Names", {"fields": ("id", "person_id", "version")}),
    )

    @admin.display(description="Waits for")
    def waits_for(self, order: Order) -> SafeString | str:
        wait, now = wait_of(state=order.state, heard=order.heard), timezone.now()
        if wait is None:
            return ""
        silence = now - order.updated_at
        text = f"{wait.what}, {timesince(order.updated_at, now, depth=1)}"
        if silence < dt.timedelta(minutes=1):
            return wait.what
        if wait.is_machine and silence > settings.ORDER_TIMEOUT:
            return format_html('<span class="bus-label bus-label-dead">stuck</span> {}', text)
        return text

    @admin.action(description="Cancel, if it can be stopped")
    def cancel(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        cancel = functools.partial(
            usecases.cancel_order, person_id=None, requested_by="staff", at=timezone.now()
        )
        calls = {order.number: functools.partial(cancel, order_id=order.id) for order in orders}
        act_on_each(request, calls, said="cancelled, or will be if it can be stopped")


@admin.register(OrderLine)
class OrderLineAdmin(ReadOnlyAdmin):
    list_display = ("order", "code", "name", "ordered_quantity", "quantity", "unit_price")
    list_select_related = ("order",)
    amounts = ("unit_price", "discount", "tax")
    currency_field = "order.currency"
    search_fields = ("=code", "=product_id", "=order__number")
    ordering = ("-id",)


@admin.register(TimelineEntry)
class TimelineEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "order", "what", "state", "reason")
    list_filter = ("what",)
    list_select_related = ("order",)
    search_fields = ("=order__number", "=order__id")
    ordering = ("-id",)


class CartLineInline(ReadOnlyInline):
    model = CartLine
    fields = ("code", "name", "quantity", "seen_price")
    amounts = ("seen_price",)
    currency_field = "seen_currency"


@admin.register(Cart)
class CartAdmin(ReadOnlyAdmin):
    list_display = ("updated_at", "state", "is_guest", "holder_id", "coupon_code")
    list_filter = ("state", "is_guest")
    search_fields = ("=id", "=holder_id", "=order__number")
    search_help_text = "A cart's or customer's id, or the number of the order that it became"
    ordering = ("-id",)
    inlines = (CartLineInline,)


@admin.register(CartLine)
class CartLineAdmin(ReadOnlyAdmin):
    list_display = ("cart", "code", "name", "quantity")
    search_fields = ("=code", "=product_id", "=cart__id")
    ordering = ("-id",)


@admin.register(CatalogueItem)
class CatalogueItemAdmin(ReadOnlyAdmin):
    list_display = ("code", "name", "price", "tax_class", "is_active", "is_deleted", "version")
    list_filter = ("is_active", "is_deleted")
    search_fields = ("code", "name", "=product_id")
    ordering = ("code",)
    amounts = ("price",)


@admin.register(StockItem)
class StockItemAdmin(ReadOnlyAdmin):
    list_display = ("product_id", "free", "version")
    search_fields = ("=product_id",)
    ordering = ("product_id",)


@admin.register(ErasedPerson)
class ErasedPersonAdmin(ReadOnlyAdmin):
    list_display = ("person_id", "erased_at")
    search_fields = ("=person_id",)
    ordering = ("-erased_at",)
