"""The admin page of a table that only use cases change, and actions that call them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

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


class OfOrderAdmin(ReadOnlyAdmin):
    """
    Looks at what belongs to an order, and leads to the order's events: in the list, on the page.

    `order_id_field` names where a row has the order's id; one without an order leads nowhere.
    """

    order_id_field = "order_id"
    actions_detail = ("order_events",)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Add the link to the columns, for those who may follow it."""
        columns = list(super().get_list_display(request))
        return [*columns, "events"] if self.has_follow_permission(request) else columns

    def has_follow_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Say whether this person may see an order's events."""
        return bool(request.user.has_perm("bus.view_outboxevent"))

    @admin.display(description="Events")
    def events(self, row: Model) -> str:
        """Return the link to the events of the row's order."""
        order_id = self._order_id(row)
        if order_id is None:
            return ""
        url = reverse("admin:bus_order_timeline", args=[order_id])
        return format_html('<a href="{}" title="Events of the order">timeline</a>', url)

    # Not by the permission's own name: unfold's check would ask the database for it, even before
    # there are tables.
    @action(  # type: ignore[untyped-decorator]
        description="Events of the order", icon="timeline", permissions=["follow"]
    )
    def order_events(self, request: HttpRequest, object_id: str) -> HttpResponseRedirect:
        """Lead to the events of the row's order."""
        row = self.get_object(request, object_id)
        order_id = self._order_id(row) if row else None
        if order_id is None:
            messages.warning(request, "This belongs to no order: there are no events to show.")
            return HttpResponseRedirect("../change/")
        return HttpResponseRedirect(reverse("admin:bus_order_timeline", args=[order_id]))

    def _order_id(self, row: Model) -> Any:
        return operator.attrgetter(self.order_id_field)(row)


class ReadOnlyInline(ReadOnlyPermissions, TabularInline):
    """Looks, inside another page."""

    extra = 0
    tab = True
