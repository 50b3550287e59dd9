from __future__ import annotations

import functools
from collections.abc import Collection, Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from kernel.admin import OfOrderAdmin
from kernel.bus import mending
from kernel.bus.admin import wording
from kernel.bus.admin.acts import MEND, act, demand, told
from kernel.bus.admin.orders import page_of
from kernel.bus.admin.searching import link_to_event, of_handler, uuid_or_none
from kernel.bus.deadletters import discard
from kernel.bus.models import Delivery, OutboxEvent
from kernel.bus.subscriptions import all_handlers
from kernel.bus.timeline import next_attempt

State = Delivery.State
_OPEN = (State.DEAD, State.FAILED)
# As many as one click may move.
MOST = 1_000


class StateFilter(admin.SimpleListFilter):
    """Shows what is still to be mended, unless something else is asked for."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*State.choices, ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        return [{**first, "display": "Dead or failed"}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        if self.value() == "all":
            return queryset
        return queryset.filter(state__in=[self.value()] if self.value() else _OPEN)


class ModuleFilter(admin.SimpleListFilter):
    title = "module"
    parameter_name = "module"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(app, app) for app in sorted({handler.app for handler in all_handlers()})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        return queryset.filter(handler__startswith=f"{self.value()}.") if self.value() else queryset


@require_POST
def redrive_posted(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Let handlers try the posted deliveries again."""
    demand(request, MEND)
    rows = _posted(request)
    _redrive(request, rows)
    return _back(request, rows)


@require_POST
def discard_posted(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Give up the posted deliveries for good."""
    demand(request, MEND)
    rows = _posted(request)
    ids = [row.pk for row in rows]
    give_up = functools.partial(discard, delivery_ids=ids, at=timezone.now())
    if count := act(request, give_up, on=rows, noted="Discarded."):
        messages.success(
            request,
            f"{wording.count(count, 'delivery', 'deliveries')} discarded: the handler never takes"
            f" the event, whatever copy of it still comes.{_left_alone(rows)}",
        )
    return _back(request, rows)


def _redrive(request: HttpRequest, rows: Collection[Delivery]) -> None:
    ids = [row.pk for row in rows]
    again = functools.partial(mending.try_again, delivery_ids=ids, at=timezone.now())
    if mended := act(request, again, on=rows, noted="Redriven."):
        messages.success(request, f"{told(mended)}{_left_alone(rows)}")


def _left_alone(rows: Iterable[Delivery]) -> str:
    """Say what became of those that were chosen and had nothing to mend."""
    number = sum(row.state not in _OPEN for row in rows)
    return f" {number} left alone: neither dead nor failed." if number else ""


def _posted(request: HttpRequest) -> list[Delivery]:
    ids = [int(text) for text in request.POST.getlist("delivery") if text.isdecimal()]
    return list(Delivery.objects.filter(pk__in=ids[:MOST]).order_by("pk"))


def _back(request: HttpRequest, rows: Collection[Delivery]) -> HttpResponse:
    """Lead back to where the button was: an order's page, a delivery's, or the list."""
    if order_id := uuid_or_none(request.POST.get("order", "")):
        return HttpResponseRedirect(page_of(order_id))
    if len(rows) == 1:
        [row] = rows
        return HttpResponseRedirect(reverse("admin:bus_delivery_change", args=[row.pk]))
    return HttpResponseRedirect(reverse("admin:bus_delivery_changelist"))


@admin.register(Delivery)
class DeliveryAdmin(OfOrderAdmin):
    list_display = ("shown_state", "handler", "event", "attempts", "what", "news")
    list_display_links = ("shown_state", "handler")
    list_filter = (StateFilter, ModuleFilter)
    search_fields = ("event_id",)  # shows the box; `get_search_results` does the search
    search_help_text = "An event's, order's or request's id, an event's name, or a handler's"
    ordering = ("state", "-updated_at")  # dead before failed; the index has them so
    actions = ("redrive", "discard")
    custom_urls = (
        ("redrive/", "bus_delivery_redrive", redrive_posted),
        ("discard/", "bus_delivery_discard", discard_posted),
    )
    change_form_outer_before_template = "admin/bus/delivery_tools.html"
    fieldsets = (
        (None, {"fields": ("handler", "attempts", "first_failed_at", "updated_at")}),
        ("Error", {"fields": ("trace",)}),
        ("Event", {"fields": ("event", "order", "envelope")}),
    )
    readonly_fields = ("trace", "event", "order", "envelope")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows: QuerySet[Delivery] = super().get_queryset(request)
        event = OutboxEvent.objects.filter(event_id=OuterRef("event_id"))
        return rows.annotate(sent_at=Subquery(event.values("sent_at")))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        return of_handler(queryset, search_term.strip()), False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {**(extra_context or {}), "delivery_ids": [object_id]}
        answer: HttpResponse = super().change_view(request, object_id, form_url, context)
        return answer

    def has_mend_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(MEND))

    @admin.display(description="State", ordering="state")
    def shown_state(self, row: Delivery) -> SafeString:
        state = row.state.lower()
        return format_html('<span class="bus-label bus-label-{}">{}</span>', state, state)

    @admin.display(description="Event")
    def event(self, row: Delivery) -> SafeString:
        return link_to_event(row.event_id, wording.fact(row.name))

    @admin.display(description="Order")
    def order(self, row: Delivery) -> SafeString | str:
        if not row.order_id:
            return ""
        return format_html('<a href="{}">{}</a>', page_of(row.order_id), row.order_id)

    @admin.display(description="Error")
    def what(self, row: Delivery) -> SafeString:
        return format_html('<span class="bus-error">{}</span>', row.error)

    @admin.display(description="Next, or since")
    def news(self, row: Any) -> str:
        now = timezone.now()
        due = next_attempt(row, sent_at=row.sent_at)
        if due:
            return f"in about {wording.span(due - now)}" if due > now else "due"
        return f"{wording.span(now - row.updated_at)} ago"

    @admin.display(description="Traceback")
    def trace(self, row: Delivery) -> SafeString:
        return format_html('<pre class="bus-pre">{}</pre>', row.traceback or "There is none.")

    @admin.display(description="Envelope")
    def envelope(self, row: Delivery) -> SafeString:
        event = OutboxEvent.objects.filter(event_id=row.event_id).first()
        text = wording.envelope(event) if event else "The log has no such event any more."
        return format_html('<pre class="bus-pre">{}</pre>', text)

    @admin.action(description="Redrive: try again now", permissions=["mend"])
    def redrive(self, request: HttpRequest, rows: QuerySet[Delivery]) -> None:
        _redrive(request, list(rows.order_by("pk")[:MOST]))

    @admin.action(description="Discard for good …", permissions=["mend"])
    def discard(self, request: HttpRequest, rows: QuerySet[Delivery]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Discard deliveries",
            "rows": rows.order_by("pk")[:MOST],
        }
        return TemplateResponse(request, "admin/bus/confirm_discard.html", context)
