from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html
from unfold.admin import ModelAdmin

from apps.products import gateway, usecases
from apps.products.models import CODE, Availability, Category, Family, Picture, Product
from kernel.admin import ReadOnlyAdmin, ReadOnlyInline, act_on_each
from kernel.money import display
from kernel.refusals import Refusal
from kernel.transactions import transaction


class RefusalsAsMessages(ModelAdmin):
    """Shows a refusal, once Django has rolled back the transaction that it opens itself."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            answer: HttpResponse = super().changeform_view(request, *args, **kwargs)
        except Refusal as refusal:
            if isinstance(refusal, usecases.ProductRefusal):
                with transaction():
                    usecases.tell_rejection(refusal=refusal, at=timezone.now())
            self.message_user(request, str(refusal), messages.ERROR)
            answer = HttpResponseRedirect(request.get_full_path())
        return answer

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ProductForm(forms.ModelForm):
    code = forms.RegexField(CODE, max_length=40, help_text="Capitals, digits, dots and dashes.")

    class Meta:
        model = Product
        fields = (
            "code",
            "name",
            "description",
            "model",
            "category",
            "tags",
            "width",
            "length",
            "height",
            "weight",
            "price_amount",
            "price_currency",
            "is_active",
            "version",
        )
        widgets = {"version": forms.HiddenInput}

    def validate_constraints(self) -> None:
        """Leave a taken code to the use case, which tells of it."""


class PictureInline(ReadOnlyInline):
    model = Picture
    fields = ("position", "shown", "width", "height")
    readonly_fields = fields

    @admin.display(description="Picture")
    def shown(self, picture: Picture) -> str:
        url = gateway.picture_url(picture.key)
        return format_html('<img src="{}" alt="" loading="lazy" height="80">', url)


@admin.register(Product)
class ProductAdmin(RefusalsAsMessages):
    form = ProductForm
    list_display = ("code", "name", "category", "price", "is_active", "version", "updated_at")
    list_filter = ("is_active", "category")
    list_select_related = ("category",)
    search_fields = ("code", "name", "model")
    ordering = ("-id",)
    date_hierarchy = "created_at"
    readonly_fields = ("id", "family", "attributes", "created_at", "updated_at")
    inlines = (PictureInline,)
    actions = ("show", "hide", "delete_chosen")

    @admin.display(ordering="price_amount")
    def price(self, product: Product) -> str:
        return display(product.price_amount, product.price_currency)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        living: QuerySet[Product] = super().get_queryset(request).filter(deleted_at=None)
        return living

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: Any) -> None:
        if change:
            usecases.change_product(
                product_id=obj.id, version=obj.version, changes=dict(obj.state), at=timezone.now()
            )
        else:
            usecases.create_product(product_id=obj.id, product=obj.state, at=timezone.now())

    @admin.action(description="Sell the chosen products", permissions=["change"])
    def show(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self._each(request, queryset, functools.partial(usecases.set_active, is_active=True))

    @admin.action(description="Sell the chosen products no longer", permissions=["change"])
    def hide(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self._each(request, queryset, functools.partial(usecases.set_active, is_active=False))

    @admin.action(description="Delete the chosen products for good", permissions=["change"])
    def delete_chosen(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self._each(request, queryset, usecases.delete_product)

    def _each(
        self, request: HttpRequest, chosen: QuerySet[Product], act: Callable[..., object]
    ) -> None:
        call = functools.partial(act, at=timezone.now())
        rows = chosen.order_by("id").values_list("code", "id", "version")
        act_on_each(
            request,
            {
                code: functools.partial(call, product_id=product_id, version=version)
                for code, product_id, version in rows
            },
        )


class CategoryForm(forms.ModelForm):
    class Meta:
        model = Category
        fields = ("parent", "slug", "name", "version")
        widgets = {"version": forms.HiddenInput}


@admin.register(Category)
class CategoryAdmin(RefusalsAsMessages):
    form = CategoryForm
    list_display = ("path", "name")
    search_fields = ("path", "name")
    ordering = ("path",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("slug",) if obj else ()  # products and links know it by its slug

    def save_model(self, request: HttpRequest, obj: Category, form: Any, change: Any) -> None:
        parent = obj.parent.slug if obj.parent else None
        if change:
            usecases.change_category(
                slug=obj.slug, version=obj.version, changes={"name": obj.name, "parent": parent}
            )
        else:
            made = usecases.create_category(slug=obj.slug, name=obj.name, parent=parent)
            obj.pk = made.pk


@admin.register(Family)
class FamilyAdmin(ReadOnlyAdmin):
    list_display = ("name", "options", "version", "updated_at")
    search_fields = ("name",)
    ordering = ("-id",)


@admin.register(Picture)
class PictureAdmin(ReadOnlyAdmin):
    list_display = ("product", "position", "width", "height", "key")
    list_select_related = ("product",)
    search_fields = ("product__code", "key")


@admin.register(Availability)
class AvailabilityAdmin(ReadOnlyAdmin):
    list_display = ("product_id", "free", "version")
    search_fields = ("product_id",)
