"""Who sells, and what documents say of it."""

from __future__ import annotations

import base64
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldBooleanSwitchWidget

from apps.invoices import documents, usecases
from apps.invoices.models import Logo, Seller, SellerText
from kernel.admin import ReadOnlyAdmin, StaffAdmin


class SellerForm(forms.ModelForm):
    new_logo = forms.FileField(
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text=documents.LogoNotUsable.message(),
    )
    is_without_logo = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget, label="Print no logo"
    )

    def clean_new_logo(self) -> documents.Picture | None:
        """Return the logo, tried on paper; None if there is no new one."""
        file = self.cleaned_data["new_logo"]
        try:
            return documents.demand_logo(file.read(documents.MAX_LOGO + 1)) if file else None
        except documents.LogoNotUsable as refusal:
            raise forms.ValidationError(str(refusal), code=refusal.code()) from refusal


@admin.register(Seller)
class SellerAdmin(StaffAdmin):
    """Staff keep it up to date: what is issued from then on bears what it says then."""

    form = SellerForm
    list_display = ("name", "city", "country", "vat_number", "invoice_prefix")
    readonly_fields = ("picture",)
    fieldsets = (
        (None, {"fields": ("name", "street_address", "post_code", "city", "country", "email")}),
        ("Registered as", {"fields": ("vat_number", "tax_number", "register_number")}),
        ("Account", {"fields": ("iban", "bic")}),
        ("Numbers", {"fields": ("invoice_prefix", "credit_note_prefix")}),
        ("Logo", {"fields": ("picture", "new_logo", "is_without_logo")}),
    )

    def save_model(self, request: HttpRequest, obj: Seller, form: Any, change: object) -> None:
        picture = form.cleaned_data["new_logo"]
        if picture:
            obj.logo = usecases.keep_logo(picture=picture, at=timezone.now())
        elif form.cleaned_data["is_without_logo"]:
            obj.logo = None
        super().save_model(request, obj, form, change)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return not Seller.objects.exists()

    def has_delete_permission(self, *_: Any) -> bool:
        return False

    @admin.display(description="logo")
    def picture(self, seller: Seller) -> SafeString | str:
        return _shown(seller.logo) if seller.logo else "none: the name stands in its place"


@admin.register(SellerText)
class SellerTextAdmin(StaffAdmin):
    """What the seller says in each language; English for those that documents don't speak."""

    list_display = ("language", "closing_words", "untaxed_reason")

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> tuple[str, ...]:
        return ("language",) if obj else ()

    def has_delete_permission(self, *_: Any) -> bool:
        return False


@admin.register(Logo)
class LogoAdmin(ReadOnlyAdmin):
    list_display = ("sha256", "picture", "is_svg", "added_at")
    ordering = ("-added_at",)
    exclude = ("content",)
    readonly_fields = ("picture",)

    @admin.display(description="picture")
    def picture(self, logo: Logo) -> SafeString:
        return _shown(logo)


def _shown(logo: Logo) -> SafeString:
    # In an <img> an SVG can neither run nor load anything.
    kind = "image/svg+xml" if logo.is_svg else "image/png"
    content = base64.b64encode(bytes(logo.content)).decode()
    return format_html('<img src="data:{};base64,{}" alt="logo" width="200">', kind, content)
