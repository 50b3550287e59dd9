"""What staff see of the warehouse, and the packing that they may do here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from apps.warehouse import usecases
from apps.warehouse.models import Movement, PackagingLine, PackagingRequest, Product, Stock
from kernel.admin import OfOrderAdmin, ReadOnlyAdmin, ReadOnlyInline, act_on_each
from kernel.bus import context

LOW = 10


class LowFilter(admin.SimpleListFilter):
    title = "free"
    parameter_name = "free"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("none", "none"), ("low", f"fewer than {LOW}")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Stock]) -> QuerySet[Stock]:
        if self.value() == "none":
            return queryset.filter(on_hand=F("reserved"))
        if self.value() == "low":
            return queryset.filter(on_hand__lt=F("reserved") + LOW)
        return queryset


@admin.register(Stock)
class StockAdmin(ReadOnlyAdmin):
    list_display = ["code", "name", "on_hand", "reserved", "free", "ledger"]
    list_select_related = ["product"]
    list_filter = [LowFilter]
    search_fields = ["product__code", "product__name", "=product__id"]
    ordering = ["product__code"]

    @admin.display(ordering="product__code")
    def code(self, stock: Stock) -> str:
        return stock.product.code

    @admin.display(ordering="product__name")
    def name(self, stock: Stock) -> str:
        return stock.product.name

    @admin.display(ordering=F("on_hand") - F("reserved"))
    def free(self, stock: Stock) -> int:
        return stock.on_hand - stock.reserved

    @admin.display(description="ledger")
    def ledger(self, stock: Stock) -> str:
        url = reverse("admin:warehouse_movement_changelist")
        return format_html(
            '<a href="{}?product__id__exact={}">movements</a>', url, stock.product_id
        )


@admin.register(Movement)
class MovementAdmin(OfOrderAdmin):
    list_display = ["at", "product", "delta", "kind", "reason", "order_id", "actor"]
    list_select_related = ["product"]
    list_filter = ["kind"]
    search_fields = ["product__code", "product__name", "=order_id", "actor", "reason"]
    date_hierarchy = "at"
    ordering = ["-id"]


@admin.register(Product)
class ProductAdmin(ReadOnlyAdmin):
    list_display = ["code", "name", "version", "is_deleted"]
    list_filter = ["is_deleted"]
    search_fields = ["code", "name", "=id"]
    ordering = ["code"]


class LineInline(ReadOnlyInline):
    model = PackagingLine
    fields = ["product", "ordered", "packed"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PackagingLine]:
        found: QuerySet[PackagingLine] = super().get_queryset(request)
        return found.select_related("product")


@admin.register(PackagingLine)
class PackagingLineAdmin(OfOrderAdmin):
    order_id_field = "request_id"
    list_display = ["request_link", "product", "ordered", "packed", "state", "goods"]
    list_select_related = ["request", "product"]
    list_filter = ["request__state", "request__goods"]
    search_fields = ["=request__order_id", "product__code", "product__name"]

    @admin.display(description="order")
    def request_link(self, line: PackagingLine) -> str:
        url = reverse("admin:warehouse_packagingrequest_change", args=[line.request_id])
        return format_html('<a href="{}">{}</a>', url, line.request_id)

    @admin.display(ordering="request__state")
    def state(self, line: PackagingLine) -> str:
        return line.request.get_state_display()

    @admin.display(ordering="request__goods")
    def goods(self, line: PackagingLine) -> str:
        return line.request.get_goods_display()


@admin.register(PackagingRequest)
class PackagingRequestAdmin(OfOrderAdmin):
    list_display = ["order_id", "state", "goods", "confirmed_at", "started_at", "finished_at"]
    list_filter = ["state", "goods"]
    search_fields = ["=order_id"]
    date_hierarchy = "created_at"
    ordering = ["-order_id"]
    inlines = [LineInline]
    actions = ["start", "complete"]

    def has_pack_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("warehouse.change_packagingrequest")

    @admin.action(description="Start packing", permissions=["pack"])
    def start(self, request: HttpRequest, rows: QuerySet[PackagingRequest]) -> None:
        self._each(request, rows, usecases.start_packaging)

    @admin.action(description="Complete the package", permissions=["pack"])
    def complete(self, request: HttpRequest, rows: QuerySet[PackagingRequest]) -> None:
        actor = context.current().actor
        self._each(request, rows, functools.partial(usecases.complete_packaging, actor=actor))

    def _each(
        self, request: HttpRequest, rows: QuerySet[PackagingRequest], act: Callable[..., object]
    ) -> None:
        orders = rows.values_list("order_id", flat=True)
        at = timezone.now()
        calls = {str(each): functools.partial(act, order_id=each, at=at) for each in orders}
        act_on_each(request, calls)
