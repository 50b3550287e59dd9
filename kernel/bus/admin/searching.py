"""Finding rows of the bus by an event's, an order's or a request's id."""

from __future__ import annotations

import uuid
from typing import TypeVar

from django.db.models import Model, Q, QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from kernel.bus.event import event_names
from kernel.bus.models import OutboxEvent

M = TypeVar("M", bound=Model)

# How many events of the log a search by order or request follows, the newest first.
MOST_EVENTS = 1_000


def uuid_or_none(text: str) -> uuid.UUID | None:
    """Return the id that a text is, if it is one."""
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        return None


def of_log(term: str) -> Q:
    """
    Return the condition for events of the log: by their id, order, aggregate, request or name.

    An index answers each of its parts; that of aggregates begins with the name.
    """
    condition = Q(correlation_id=term)
    known = uuid_or_none(term)
    if known is None:
        return condition | Q(name=term)
    of_aggregate = Q(name__in=event_names(), subject=known)
    return condition | Q(event_id=known) | Q(order_id=known) | of_aggregate


def of_handler(rows: QuerySet[M], term: str) -> QuerySet[M]:
    """
    Keep the rows of a table of (event_id, handler) that a term finds, through the log.

    The events' ids are asked for first: beside a subquery the table's index would not be used.
    """
    if not term:
        return rows
    events = OutboxEvent.objects.filter(of_log(term)).order_by("-sequence")
    ids = set(events.values_list("event_id", flat=True)[:MOST_EVENTS])
    if known := uuid_or_none(term):
        ids.add(known)  # the log may not have it any more
    return rows.filter(event_id__in=ids) if ids else rows.filter(handler=term)


def found_order(term: str) -> uuid.UUID | None:
    """Return the one order that an order's, event's or request's id leads to, if it is one."""
    rows = OutboxEvent.objects.filter(of_log(term), order_id__isnull=False)
    orders = list(rows.order_by().values_list("order_id", flat=True).distinct()[:2])
    return orders[0] if len(orders) == 1 else None


def link_to_event(event_id: uuid.UUID, text: str = "") -> SafeString:
    """Return a link to where an event's id leads."""
    url = reverse("admin:bus_find", query={"q": event_id})
    return format_html('<a href="{}">{}</a>', url, text or event_id)
