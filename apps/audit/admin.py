from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.paginator import InfinitePaginator
from unfold.utils import parse_datetime_str

from apps.audit import queries
from apps.audit.models import Chain, KnownUser, Record
from kernel.admin import OfOrderAdmin, ReadOnlyAdmin
from kernel.bus.event import event_names


class TypeFilter(admin.SimpleListFilter):
    """The types that there may be: to ask the table for those that there are would read it all."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in event_names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Record]) -> QuerySet[Record]:
        return queryset.filter(name=self.value()) if self.value() else queryset


class TimeFilter(RangeDateTimeFilter):
    """A range of times, which are UTC: unfold's own compares them without a zone."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Record]) -> QuerySet[Record]:
        for end, lookup in (("from", "gte"), ("to", "lte")):
            parts = [self.used_parameters.get(f"occurred_at_{end}_{part}") for part in (0, 1)]
            if all(parts) and (at := parse_datetime_str(" ".join(map(str, parts)))):
                bound = {f"occurred_at__{lookup}": timezone.make_aware(at)}
                queryset = queryset.filter(**bound)
        return queryset


@admin.register(Record)
class RecordAdmin(OfOrderAdmin):
    list_display = ("occurred_at", "name", "outcome", "actor", "subject", "order_id", "request_id")
    list_filter = ("outcome", ("occurred_at", TimeFilter), TypeFilter)
    list_filter_submit = True
    show_facets = admin.ShowFacets.NEVER  # counts would read it all
    ordering = ("-occurred_at", "-event_id")
    paginator = InfinitePaginator  # nobody counts what happened
    search_fields = ("event_id",)  # shows the box; `get_search_results` does the search
    search_help_text = "Id of an event, a subject, an order or a request, or an e-mail address."
    exclude = ("payload",)
    readonly_fields = ("changes", "content", "order_then")
    list_select_related = False

    @admin.display(description="before and after")
    def changes(self, record: Record) -> SafeString | str:
        rows = queries.changes(queries.without_sealed(record.payload))
        cells = [(row["field"], _text(row["before"]), _text(row["after"])) for row in rows]
        if not cells:
            return "This event tells none."
        head = "<tr><th>field</th><th>before</th><th>after</th></tr>"
        body = format_html_join("", "<tr><th>{}</th><td>{}</td><td>{}</td></tr>", cells)
        return format_html('<table class="audit-changes">{}{}</table>', SafeString(head), body)

    @admin.display(description="payload")
    def content(self, record: Record) -> SafeString:
        text = _text(queries.without_sealed(record.payload))
        return format_html('<pre style="white-space: pre-wrap">{}</pre>', text)

    @admin.display(description="the order then")
    def order_then(self, record: Record) -> SafeString | str:
        if record.order_id is None:
            return "This belongs to no order."
        found = queries.order_at(order_id=record.order_id, at=record.occurred_at)
        return format_html('<pre style="white-space: pre-wrap">{}</pre>', _text(found))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Record], search_term: str
    ) -> tuple[QuerySet[Record], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        newest = queries.newest_of_person if "@" in term else queries.newest_of_term
        return queryset.filter(newest(term)), False


def _text(value: Any) -> str:
    return (
        value
        if isinstance(value, str)
        else json.dumps(value, indent=2, ensure_ascii=False, default=str)
    )


@admin.register(Chain)
class ChainAdmin(ReadOnlyAdmin):
    list_display = ("name", "month", "last_seq", "last_hash", "kept_until", "dropped_at")
    list_filter = ("retention", ("dropped_at", admin.EmptyFieldListFilter))
    date_hierarchy = "month"
    ordering = ("-month", "retention")


@admin.register(KnownUser)
class KnownUserAdmin(ReadOnlyAdmin):
    list_display = ("id", "email", "version", "is_erased")
    list_filter = ("is_erased",)
    search_fields = ("=email",)
    ordering = ("-id",)
