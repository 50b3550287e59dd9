"""What staff see of delivery: zones that they edit, shipments that they send."""

from __future__ import annotations

import functools
from collections.abc import Callable

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import TabularInline

from apps.delivery import usecases
from apps.delivery.models import ErasedPerson, Product, Shipment, Zone, ZoneCountry
from kernel.admin import OfOrderAdmin, ReadOnlyAdmin, StaffAdmin, act_on_each
from kernel.money import display


class CountryInline(TabularInline):
    model = ZoneCountry
    extra = 1


@admin.register(Zone)
class ZoneAdmin(StaffAdmin):
    list_display = ["name", "fee", "serves"]
    search_fields = ["name", "countries__country"]
    ordering = ["fee_per_box", "name"]
    inlines = [CountryInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Zone]:
        found: QuerySet[Zone] = super().get_queryset(request)
        return found.prefetch_related("countries")

    @admin.display(description="fee per box", ordering="fee_per_box")
    def fee(self, zone: Zone) -> str:
        return display(zone.fee_per_box, zone.currency)

    @admin.display(description="countries")
    def serves(self, zone: Zone) -> str:
        codes = ", ".join(sorted(row.country for row in zone.countries.all()))
        return f"{codes} and the rest".strip() if zone.is_rest else codes


@admin.register(ZoneCountry)
class ZoneCountryAdmin(StaffAdmin):
    list_display = ["country", "zone"]
    list_filter = ["zone"]
    list_select_related = ["zone"]
    search_fields = ["country"]
    ordering = ["country"]


@admin.register(Product)
class ProductAdmin(ReadOnlyAdmin):
    list_display = ["code", "width", "length", "height", "weight", "version", "is_deleted"]
    list_filter = ["is_deleted"]
    search_fields = ["code", "=id"]
    ordering = ["code"]


@admin.register(Shipment)
class ShipmentAdmin(OfOrderAdmin):
    list_display = [
        "order_id",
        "state",
        "tracking_number",
        "packed_at",
        "started_at",
        "finished_at",
    ]
    list_filter = ["state"]
    search_fields = ["=order_id", "=tracking_number", "=id"]
    date_hierarchy = "created_at"
    ordering = ["-order_id"]
    records = ["address", "package"]
    actions = ["start", "complete", "fail"]

    def has_ship_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("delivery.change_shipment")

    @admin.action(description="Start", permissions=["ship"])
    def start(self, request: HttpRequest, rows: QuerySet[Shipment]) -> None:
        self._each(request, rows, usecases.start_shipment)

    @admin.action(description="Complete: has arrived", permissions=["ship"])
    def complete(self, request: HttpRequest, rows: QuerySet[Shipment]) -> None:
        self._each(request, rows, usecases.complete_shipment)

    @admin.action(description="Fail: could not be delivered", permissions=["ship"])
    def fail(self, request: HttpRequest, rows: QuerySet[Shipment]) -> None:
        self._each(request, rows, usecases.fail_shipment, reason="could not be delivered")

    def _each(
        self,
        request: HttpRequest,
        rows: QuerySet[Shipment],
        ask: Callable[..., None],
        **arguments: str,
    ) -> None:
        orders = rows.values_list("order_id", flat=True)
        call = functools.partial(ask, at=timezone.now(), **arguments)
        act_on_each(request, {str(each): functools.partial(call, order_id=each) for each in orders})


@admin.register(ErasedPerson)
class ErasedPersonAdmin(ReadOnlyAdmin):
    list_display = ("person_id", "erased_at")
    search_fields = ("=person_id",)
    ordering = ("-erased_at",)
