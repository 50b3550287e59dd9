"""Who has which e-mail address."""

from __future__ import annotations

from django.contrib import admin

from apps.invoices.models import KnownUser
from kernel.admin import ReadOnlyAdmin


@admin.register(KnownUser)
class KnownUserAdmin(ReadOnlyAdmin):
    list_display = ("id", "email", "version", "is_erased")
    list_filter = ("is_erased",)
    search_fields = ("email",)
    ordering = ("-id",)
