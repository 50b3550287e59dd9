from __future__ import annotations

import functools

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.orders import usecases
from apps.orders.models import CatalogueItem, Order, OrderLine, StockItem, TimelineEntry
from kernel.admin import ReadOnlyAdmin, ReadOnlyInline, act_on_each
from kernel.money import display


class OrderLineInline(ReadOnlyInline):
    model = OrderLine
    fields = ("code", "name", "ordered_quantity", "quantity", "unit_price")


class TimelineInline(ReadOnlyInline):
    model = TimelineEntry
    fields = ("at", "what", "state", "reason")
    ordering = ("id",)


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    list_display = ("number", "state", "price", "country", "placed_at", "updated_at")
    list_filter = ("state", "cancel_reason", "is_cancel_refused", "country", "placed_at")
    search_fields = ("=number", "=id", "=customer_id", "=tracking_number")
    search_help_text = "A number, an order's or customer's id, or a tracking number"
    date_hierarchy = "placed_at"
    ordering = ("-id",)
    inlines = (OrderLineInline, TimelineInline)
    actions = ("cancel",)
    exclude = ("payment_token",)

    @admin.display(description="Total", ordering="total")
    def price(self, order: Order) -> str:
        return display(order.total, order.currency)

    @admin.action(description="Cancel, if it can be stopped")
    def cancel(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        cancel = functools.partial(
            usecases.cancel_order, owner_id=None, requested_by="staff", at=timezone.now()
        )
        calls = {order.number: functools.partial(cancel, order_id=order.id) for order in orders}
        act_on_each(request, calls, said="cancelled, or will be if it can be stopped")


@admin.register(OrderLine)
class OrderLineAdmin(ReadOnlyAdmin):
    list_display = ("order", "code", "name", "ordered_quantity", "quantity", "unit_price")
    list_select_related = ("order",)
    search_fields = ("=code", "=product_id", "=order__number")
    ordering = ("-id",)


@admin.register(TimelineEntry)
class TimelineEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "order", "what", "state", "reason")
    list_filter = ("what",)
    list_select_related = ("order",)
    search_fields = ("=order__number", "=order__id")
    ordering = ("-id",)


@admin.register(CatalogueItem)
class CatalogueItemAdmin(ReadOnlyAdmin):
    list_display = ("code", "name", "unit_price", "is_active", "is_deleted", "version")
    list_filter = ("is_active", "is_deleted")
    search_fields = ("code", "name", "=product_id")
    ordering = ("code",)

    @admin.display(description="Price", ordering="price")
    def unit_price(self, item: CatalogueItem) -> str:
        return display(item.price, item.currency) if item.currency else ""


@admin.register(StockItem)
class StockItemAdmin(ReadOnlyAdmin):
    list_display = ("product_id", "free", "version")
    search_fields = ("=product_id",)
    ordering = ("product_id",)
