from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from apps.products import gateway, usecases
from apps.products.models import CODE, TAG, Availability, Category, Family, Picture, Product, Word
from kernel.admin import ReadOnlyAdmin, ReadOnlyInline, UseCaseAdmin, act_on_each
from kernel.money import display
from kernel.refusals import Refusal
from kernel.transactions import transaction


class CatalogueAdmin(UseCaseAdmin):
    def note_refusal(self, refusal: Refusal) -> None:
        if isinstance(refusal, usecases.ProductRefusal):
            with transaction():
                usecases.tell_rejection(refusal=refusal, at=timezone.now())


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
            "tax_class",
            "is_active",
            "version",
        )
        widgets = {"version": forms.HiddenInput}

    def clean_tags(self) -> list[str]:
        tags: list[str] = self.cleaned_data["tags"]
        if not all(re.fullmatch(TAG, tag) for tag in tags):
            raise forms.ValidationError("A tag has no | in it.")
        return tags

    def validate_constraints(self) -> None:
        """Leave a taken code to the use case, which tells of it."""


class PictureInline(ReadOnlyInline):
    model = Picture
    fields = ("position", "shown", "alt_text", "state", "reason")
    readonly_fields = fields

    @admin.display(description="Picture")
    def shown(self, picture: Picture) -> str:
        if not picture.sizes:
            return ""
        url = gateway.picture_url(picture.sizes[0]["key"])
        return format_html('<img src="{}" alt="{}" height="80">', url, picture.alt_text)


@admin.register(Product)
class ProductAdmin(CatalogueAdmin):
    form = ProductForm
    list_display = ("code", "name", "category", "price", "is_active", "version", "updated_at")
    list_filter = ("is_active", "tax_class", "category")
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
class CategoryAdmin(CatalogueAdmin):
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
    list_display = ("product", "position", "state", "reason", "alt_text", "created_at")
    list_filter = ("state",)
    list_select_related = ("product",)
    search_fields = ("product__code", "alt_text")


@admin.register(Availability)
class AvailabilityAdmin(ReadOnlyAdmin):
    list_display = ("product_id", "free", "version")
    search_fields = ("product_id",)


@admin.register(Word)
class WordAdmin(ReadOnlyAdmin):
    list_display = ("word",)
    search_fields = ("word",)
