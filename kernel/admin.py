"""The admin page of a table that only use cases change."""

from __future__ import annotations

from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline


class ReadOnlyPermissions:
    """Nobody adds, changes or deletes by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False


class ReadOnlyAdmin(ReadOnlyPermissions, ModelAdmin):
    """Looks; what changes the table is a use case, which an action may call."""

    show_full_result_count = False  # it would count the whole table on every page


class ReadOnlyInline(ReadOnlyPermissions, TabularInline):
    """Looks, inside another page."""

    extra = 0
    tab = True
