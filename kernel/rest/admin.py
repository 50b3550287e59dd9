from __future__ import annotations

from django.contrib import admin

from kernel.admin import ReadOnlyAdmin
from kernel.rest.models import IdempotencyKey, ThrottleCount


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "status", "scope")
    fields = ("created_at", "status", "scope", "fingerprint")
    search_fields = ("=scope",)
    date_hierarchy = "created_at"
    ordering = ("-created_at",)


@admin.register(ThrottleCount)
class ThrottleCountAdmin(ReadOnlyAdmin):
    list_display = ("scope", "taken", "ends_at")
    ordering = ("-taken",)
