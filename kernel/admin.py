"""The admin page of a table that only use cases change, and actions that call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from kernel.refusals import Refusal
from kernel.transactions import transaction


def act_on_each(
    request: HttpRequest, calls: Mapping[str, Callable[[], object]], *, said: str = "done"
) -> None:
    """
    Make a use-case call for each row that was chosen, in a transaction of its own.

    `calls` has them by what the person calls the row; `said` is what became of each
    that was not refused.
    """
    for name, call in calls.items():
        try:
            with transaction():
                call()
        except Refusal as refusal:
            messages.error(request, f"{name}: {refusal}")
        else:
            messages.success(request, f"{name}: {said}.")


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
