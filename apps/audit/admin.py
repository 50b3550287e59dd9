from __future__ import annotations

import contextlib
import json
import uuid

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.audit import queries
from apps.audit.models import Chain, KnownUser, Record
from kernel.admin import OfOrderAdmin, ReadOnlyAdmin


@admin.register(Record)
class RecordAdmin(OfOrderAdmin):
    list_display = ("occurred_at", "name", "outcome", "actor", "subject", "order_id", "request_id")
    list_filter = ("outcome", "chain__retention", "name")
    ordering = ("-occurred_at", "-id")
    date_hierarchy = "occurred_at"
    search_fields = ("event_id",)  # shows the box; `get_search_results` does the search
    search_help_text = "Id of an event, a subject, an order or a request, or an e-mail address."
    exclude = ("payload",)
    readonly_fields = ("content",)
    list_select_related = False

    @admin.display(description="payload")
    def content(self, record: Record) -> SafeString:
        text = json.dumps(queries.without_sealed(record.payload), indent=2, ensure_ascii=False)
        return format_html('<pre style="white-space: pre-wrap">{}</pre>', text)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Record], search_term: str
    ) -> tuple[QuerySet[Record], bool]:
        return queryset.filter(_condition(search_term.strip())), False


def _condition(term: str) -> Q:
    if not term:
        return Q()
    if "@" in term:
        return queries.of_person(term)
    condition = Q(request_id=term)
    with contextlib.suppress(ValueError):  # what is no id may still be a request's
        given = uuid.UUID(term)
        condition |= Q(event_id=given) | Q(subject=given) | Q(order_id=given)
    return condition


@admin.register(Chain)
class ChainAdmin(ReadOnlyAdmin):
    list_display = ("name", "retention", "month", "last_seq", "last_hash")
    list_filter = ("retention",)
    date_hierarchy = "month"
    ordering = ("-month", "retention")


@admin.register(KnownUser)
class KnownUserAdmin(ReadOnlyAdmin):
    list_display = ("id", "email", "version", "is_erased")
    list_filter = ("is_erased",)
    search_fields = ("email",)
    ordering = ("-id",)
