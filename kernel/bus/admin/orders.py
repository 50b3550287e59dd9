"""The page of an order's events, and its buttons."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import uuid
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from kernel.bus import mending, timeline
from kernel.bus.admin import wording
from kernel.bus.admin.acts import LOOK, MEND, SEND, act, demand, told
from kernel.bus.admin.searching import found_order, uuid_or_none
from kernel.bus.models import OutboxEvent
from kernel.bus.outbox import send_again
from kernel.bus.timeline import Hearing, Status, Timeline, Told
from kernel.staff import tell_act

PER_PAGE = 100
# Deeper than this the page indents no further.
DEEPEST = 6
# What waits for longer than this is shown as late.
SOON = dt.timedelta(minutes=1)
QUIET = (Status.DONE, Status.EXEMPT)
DAY = dt.timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class Heard:
    """What became of an event at a handler, in words."""

    hearing: Hearing
    name: str
    text: str
    is_slow: bool


@dataclasses.dataclass(frozen=True)
class Row:
    """One event of the page."""

    told: Told
    app: str
    fact: str
    delay: str  # since the order began; "" of the event that it began with
    clock: str  # how its time is written
    depth: int
    sending: str
    fields: list[wording.Field]
    quiet: list[Heard]  # there is nothing to be done about them
    loud: list[Heard]


@require_GET
def timeline_page(request: HttpRequest, order_id: str, model_admin: Any) -> HttpResponse:
    """Show all that the bus knows of an order."""
    demand(request, LOOK)
    known = uuid_or_none(order_id)
    found = timeline.read(order_id=known) if known else None
    context = {
        **model_admin.admin_site.each_context(request),
        "order_id": order_id,
        "title": f"Events of order {order_id}",
        "may_send": request.user.has_perm(SEND),
        "may_mend": request.user.has_perm(MEND),
    }
    if found is None:
        context |= {"kept_days": settings.LOG_RETENTION.days, "is_id": known is not None}
        return TemplateResponse(request, "admin/bus/no_order.html", context, status=404)
    context |= _content(found, request.GET.get("page"), at=timezone.now())
    return TemplateResponse(request, "admin/bus/order_timeline.html", context)


@require_GET
def find(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Lead to the order that an order's, event's or request's id leads to, or to a search."""
    demand(request, LOOK)
    term = request.GET.get("q", "").strip()
    if order_id := found_order(term):
        return HttpResponseRedirect(page_of(order_id))
    url = reverse("admin:bus_outboxevent_changelist", query={"q": term})
    return HttpResponseRedirect(url)


@require_POST
def send_one(request: HttpRequest, event_id: uuid.UUID, model_admin: Any) -> HttpResponse:
    """Send one event again."""
    demand(request, SEND)
    event = OutboxEvent.objects.defer("payload").filter(event_id=event_id).first()
    if event is None:
        messages.error(request, "The log has no such event any more.")
        return HttpResponseRedirect(reverse("admin:bus_outboxevent_changelist"))
    name = wording.fact(event.name)
    send = functools.partial(send_again, event_ids=[event_id])
    if act(request, send, on=[event], noted="Sent again."):
        text = f"{name}: {told(mending.Mended(redriven=0, sent=1))}"
        messages.success(request, text)
    else:
        messages.warning(request, f"{name} waits to be sent anyway: nothing was changed.")
    if event.order_id:
        return HttpResponseRedirect(f"{page_of(event.order_id)}#event-{event.sequence}")
    return HttpResponseRedirect(reverse("admin:bus_outboxevent_change", args=[event.pk]))


def _send_undone(order_id: uuid.UUID, *, at: dt.datetime) -> mending.Mended:
    mended = mending.send_undone(order_id=order_id, at=at)
    tell_act(action="Sent again what is not done.", model="bus.order", objects=[order_id], at=at)
    return mended


@require_POST
def send_undone(request: HttpRequest, order_id: uuid.UUID, model_admin: Any) -> HttpResponse:
    """Send again what of an order isn't done, and redrive what is dead."""
    demand(request, SEND)
    demand(request, MEND)
    if mended := act(request, functools.partial(_send_undone, order_id, at=timezone.now())):
        messages.success(request, told(mended))
    return HttpResponseRedirect(page_of(order_id))


def page_of(order_id: uuid.UUID) -> str:
    """Return the address of an order's timeline."""
    return reverse("admin:bus_order_timeline", args=[order_id])


URLS = (
    ("order/<str:order_id>/", "bus_order_timeline", timeline_page),
    ("order/<uuid:order_id>/send-again/", "bus_order_send_undone", send_undone),
    ("event/<uuid:event_id>/send-again/", "bus_event_send_again", send_one),
    ("find/", "bus_find", find),
)


def _content(found: Timeline, number: str | None, *, at: dt.datetime) -> dict[str, Any]:
    places = {told.event.sequence: n for n, told in enumerate(found.told)}
    lines = [
        wording.line(awaited, page=places[awaited.first] // PER_PAGE + 1, at=at)
        for awaited in found.awaited
    ]
    page = Paginator(found.told, PER_PAGE).get_page(number)
    started = found.first.recorded_at
    return {
        "lines": lines,
        "verdict": _verdict(found, at=at),
        "count": sum(line.count for line in lines),
        "first": found.first,
        "first_fact": wording.fact(found.first.name),
        "age": wording.span(at - started),
        "total": wording.span(found.last_at - started),
        "events": len(found.told),
        "is_cut": found.is_cut,
        "page": page,
        "pages": page.paginator.page_range,
        "rows": _rows(page.object_list, started=started, at=at),
    }


def _verdict(found: Timeline, *, at: dt.datetime) -> str:
    """Return in one word how the order is, as its colour."""
    undone = found.undone
    statuses = {hearing.status for _, hearing in undone}
    if Status.DEAD in statuses or any(told.event.set_aside for told, _ in undone):
        return "dead"
    is_late = any(at - told.event.recorded_at > SOON for told, _ in undone)
    if is_late or Status.FAILED in statuses:
        return "late"
    return "moving" if undone else "done"


def _rows(page: Iterable[Told], *, started: dt.datetime, at: dt.datetime) -> list[Row]:
    chosen = list(page)
    payloads = timeline.payloads([told.event.sequence for told in chosen])
    return [_row(told, payloads, started=started, at=at) for told in chosen]


def _row(
    told: Told, payloads: dict[int, dict[str, Any]], *, started: dt.datetime, at: dt.datetime
) -> Row:
    event, delay = told.event, told.event.recorded_at - started
    heard = [_heard(told, hearing, at=at) for hearing in told.hearings]
    return Row(
        told=told,
        app=event.name.split(".")[0],
        fact=wording.fact(event.name),
        delay=wording.span(delay) if delay else "",
        clock="H:i:s" if delay < DAY else "Y-m-d H:i:s",
        depth=min(told.depth, DEEPEST),
        sending=wording.sending(event, at=at),
        fields=wording.fields(event, payloads.get(event.sequence, {})),
        quiet=[each for each in heard if each.hearing.status in QUIET],
        loud=[each for each in heard if each.hearing.status not in QUIET],
    )


def _heard(told: Told, hearing: Hearing, *, at: dt.datetime) -> Heard:
    return Heard(
        hearing=hearing,
        name=wording.handler(hearing.handler),
        text=wording.outcome(told, hearing, at=at),
        is_slow=hearing.at - told.event.recorded_at > SOON,
    )
