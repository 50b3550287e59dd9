from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.paginator import InfinitePaginator

from kernel.admin import OfOrderAdmin, ReadOnlyAdmin
from kernel.bus.admin import orders, wording
from kernel.bus.admin.searching import link_to_event, of_handler, of_log
from kernel.bus.models import (
    FigureTotal,
    InboxMark,
    OutboxEvent,
    PersonKey,
    Subscription,
    Told,
)


class SentFilter(admin.SimpleListFilter):
    """What waits to be sent, and what can't be; an index has the few rows of each."""

    title = "sending"
    parameter_name = "sending"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("unsent", "waits to be sent"), ("aside", "can't be sent")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[OutboxEvent]
    ) -> QuerySet[OutboxEvent]:
        if self.value() == "unsent":
            return queryset.filter(sent_at=None, set_aside="")
        if self.value() == "aside":
            return queryset.exclude(set_aside="")
        return queryset


@admin.register(OutboxEvent)
class OutboxEventAdmin(OfOrderAdmin):
    list_display = ("recorded_at", "name", "sent_at", "tries", "actor")
    list_filter = (SentFilter,)
    search_fields = ("event_id",)  # shows the box; `get_search_results` does the search
    search_help_text = "An event's, order's, aggregate's or request's id, or an event's name"
    ordering = ("-sequence",)
    paginator = InfinitePaginator  # nobody counts the log
    custom_urls = orders.URLS
    exclude = ("payload",)
    readonly_fields = ("content",)
    change_form_outer_before_template = "admin/bus/event_tools.html"

    @admin.display(description="Envelope")
    def content(self, event: OutboxEvent) -> SafeString:
        return format_html('<pre class="bus-pre">{}</pre>', wording.envelope(event))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[OutboxEvent], search_term: str
    ) -> tuple[QuerySet[OutboxEvent], bool]:
        term = search_term.strip()
        return queryset.filter(of_log(term)) if term else queryset, False


@admin.register(InboxMark)
class InboxMarkAdmin(ReadOnlyAdmin):
    list_display = ("handled_at", "handler", "event")
    search_fields = ("event_id",)  # shows the box; `get_search_results` does the search
    search_help_text = "An event's, order's or request's id, an event's name, or a handler's"
    ordering = ("-id",)
    paginator = InfinitePaginator

    @admin.display(description="Event")
    def event(self, mark: InboxMark) -> SafeString:
        return link_to_event(mark.event_id)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[InboxMark], search_term: str
    ) -> tuple[QuerySet[InboxMark], bool]:
        return of_handler(queryset, search_term.strip()), False


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ("handler", "since", "checked_to")
    search_fields = ("=handler",)
    search_help_text = "A handler's name"
    ordering = ("handler",)


@admin.register(Told)
class ToldAdmin(ReadOnlyAdmin):
    list_display = ("told_to",)
    ordering = ("pk",)


@admin.register(FigureTotal)
class FigureTotalAdmin(ReadOnlyAdmin):
    list_display = ("name", "total")
    ordering = ("name",)


@admin.register(PersonKey)
class PersonKeyAdmin(ReadOnlyAdmin):
    list_display = ("person_id", "erased_at")
    fields = ("person_id", "erased_at")
    search_fields = ("=person_id",)
    list_filter = (("erased_at", admin.EmptyFieldListFilter),)
    ordering = ("-person_id",)
