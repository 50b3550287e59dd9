"""What the third party shows of its books to the owner of the API key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import wraps

from django.db import connection
from django.db.models import F
from django.http import HttpRequest, HttpResponseBase

from payment_3p.forms import BookEntry, BookPage, Health, PaymentPage, PaymentWithEntries
from payment_3p.models import Entry, Payment
from payment_3p.problems import (
    Problem,
    answer,
    demand_api_key,
    demand_method,
    invalid,
    refuse,
    unknown_token,
)

MAX_PAGE = 100

View = Callable[..., HttpResponseBase]


def _for_the_owner(view: View) -> View:
    @wraps(view)
    def inner(request: HttpRequest, **arguments: str) -> HttpResponseBase:
        try:
            demand_method(request, "GET")
            demand_api_key(request)
            return view(request, **arguments)
        except Problem as problem:
            return refuse(problem)

    return inner


def health(request: HttpRequest) -> HttpResponseBase:
    """Answer 200 if the database does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return answer(Health())


@_for_the_owner
def payment(request: HttpRequest, token: str) -> HttpResponseBase:
    """Show one payment with its entries: what settles a wish that got no answer."""
    found = Payment.objects.filter(token=token).first()
    if found is None:
        raise unknown_token()
    entries = [entry.shown() for entry in Entry.objects.filter(payment=found).order_by("pk")]
    return answer(PaymentWithEntries(**dict(found.shown()), entries=entries))


@_for_the_owner
def payments(request: HttpRequest) -> HttpResponseBase:
    """Show all payments, oldest first."""
    limit, after = _page_of(request)
    found = list(Payment.objects.filter(pk__gt=after).order_by("pk")[:limit])
    last = found[-1].pk if found and len(found) == limit else None
    return answer(PaymentPage(results=[row.shown() for row in found], after=last))


@_for_the_owner
def books(request: HttpRequest) -> HttpResponseBase:
    """Show what was done on a day (UTC), with the fees: what a shop compares its own books with."""
    on, (limit, after) = _day(request), _page_of(request)
    begins = dt.datetime.combine(on, dt.time(), tzinfo=dt.UTC)
    rows = Entry.objects.filter(made_at__gte=begins, made_at__lt=begins + dt.timedelta(days=1))
    rows = rows.annotate(token=F("payment__token"), currency=F("payment__currency"))
    found = list(rows.filter(pk__gt=after).order_by("pk")[:limit])
    last = found[-1].pk if found and len(found) == limit else None
    entries = [
        BookEntry(**dict(row.shown()), id=row.pk, payment_token=row.token, currency=row.currency)
        for row in found
    ]
    return answer(BookPage(on=on, results=entries, after=last))


def _page_of(request: HttpRequest) -> tuple[int, int]:
    limit = _number(request, "limit", MAX_PAGE)
    if not limit:
        raise invalid("limit")
    return min(limit, MAX_PAGE), _number(request, "after", 0)


def _number(request: HttpRequest, name: str, default: int) -> int:
    text = request.GET.get(name, str(default))
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise invalid(name)
    return int(text)


def _day(request: HttpRequest) -> dt.date:
    try:
        return dt.date.fromisoformat(request.GET.get("on", ""))
    except ValueError as error:
        raise invalid("on") from error
