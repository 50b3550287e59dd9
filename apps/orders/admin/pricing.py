"""Coupons and tax rates, which staff edit."""

from __future__ import annotations

import functools
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.orders import usecases
from apps.orders.models import Coupon, CouponUse, TaxRate
from kernel.address import COUNTRIES
from kernel.admin import ReadOnlyAdmin, ReadOnlyInline, UseCaseAdmin, act_on_each
from kernel.money import Money, display

USES = 50  # shown on a coupon's page; the list of uses has all


class CouponForm(forms.ModelForm):
    class Meta:
        model = Coupon
        fields = (
            "code",
            "kind",
            "percent",
            "amount",
            "minimum",
            "currency",
            "valid_from",
            "valid_until",
            "limit",
            "limit_per_customer",
            "is_active",
            "version",
        )
        widgets = {"version": forms.HiddenInput}

    def clean_code(self) -> str:
        return str(self.cleaned_data["code"]).strip().upper()


class UseInline(ReadOnlyInline):
    model = CouponUse
    fields = ("order", "customer_id", "amount", "used_at", "returned_at")
    ordering = ("-order_id",)
    verbose_name_plural = f"the last {USES} uses"

    def get_queryset(self, request: HttpRequest) -> QuerySet[CouponUse]:
        uses: QuerySet[CouponUse] = super().get_queryset(request).select_related("order")
        match = request.resolver_match
        coupon_id = match.kwargs.get("object_id") if match else None
        if coupon_id is None:  # a new one
            return uses.none()
        last = uses.filter(coupon_id=coupon_id).order_by("-order_id").values("order_id")[:USES]
        return uses.filter(order_id__in=last)


@admin.register(Coupon)
class CouponAdmin(UseCaseAdmin):
    form = CouponForm
    list_display = (
        "code",
        "kind",
        "value",
        "used",
        "limit",
        "limit_per_customer",
        "valid_from",
        "valid_until",
        "is_active",
    )
    list_filter = ("kind", "is_active")
    search_fields = ("code",)
    ordering = ("-id",)
    readonly_fields = ("id", "used", "created_at", "updated_at")
    inlines = (UseInline,)

    @admin.display(description="takes off")
    def value(self, coupon: Coupon) -> str:
        if coupon.percent is not None:
            return f"{coupon.percent.normalize():f} %"
        return display(coupon.amount, coupon.currency) if coupon.amount is not None else "delivery"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "code") if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Coupon, form: Any, change: Any) -> None:
        values, now = _values(obj, form.cleaned_data), timezone.now()
        if change:
            usecases.change_coupon(
                code=obj.code, version=form.cleaned_data["version"], changes=values, at=now
            )
        else:
            obj.pk = usecases.create_coupon(code=obj.code, values=values, at=now).pk


def _values(coupon: Coupon, asked: dict[str, Any]) -> dict[str, Any]:
    names = ("kind", "percent", "valid_from", "valid_until", "limit", "limit_per_customer")
    amounts = {
        name: Money(amount=asked[name], currency=asked["currency"]) if asked[name] else None
        for name in ("amount", "minimum")
    }
    return {**{name: asked[name] for name in names}, **amounts, "is_active": asked["is_active"]}


@admin.register(CouponUse)
class CouponUseAdmin(ReadOnlyAdmin):
    list_display = ("coupon", "order", "customer_id", "amount", "used_at", "returned_at")
    list_select_related = ("coupon", "order")
    search_fields = ("=coupon__code", "=order__number", "=customer_id")
    ordering = ("-order_id",)


class TaxRateForm(forms.ModelForm):
    class Meta:
        model = TaxRate
        fields = ("country", "tax_class", "name", "percent", "version")
        widgets = {"version": forms.HiddenInput}

    def clean_country(self) -> str:
        if self.cleaned_data["country"] not in COUNTRIES:
            raise ValidationError("This is not a country of ISO 3166-1.")
        return str(self.cleaned_data["country"])


@admin.register(TaxRate)
class TaxRateAdmin(UseCaseAdmin):
    form = TaxRateForm
    list_display = ("country", "tax_class", "name", "percent")
    list_filter = ("tax_class",)
    search_fields = ("country",)
    ordering = ("country", "tax_class")
    actions = ("drop",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("country", "tax_class") if obj else ()

    def save_model(self, request: HttpRequest, obj: TaxRate, form: Any, change: Any) -> None:
        obj.pk = usecases.set_tax_rate(
            country=obj.country,
            tax_class=obj.tax_class,
            name=obj.name,
            percent=obj.percent,
            version=form.cleaned_data["version"] if change else None,
            at=timezone.now(),
        ).pk

    @admin.action(description="Take the chosen rates away", permissions=["change"])
    def drop(self, request: HttpRequest, rates: QuerySet[TaxRate]) -> None:
        call = functools.partial(usecases.drop_tax_rate, at=timezone.now())
        act_on_each(
            request,
            {
                str(rate): functools.partial(
                    call, country=rate.country, tax_class=rate.tax_class, version=rate.version
                )
                for rate in rates
            },
            said="taken away",
        )
