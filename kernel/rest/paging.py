"""Keyset pages: a list costs the same however deep a client reads, and no COUNT."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

import orjson
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from kernel.refusals import Refusal
from kernel.rest.selection import Form, chosen, demand_known, only

DEFAULT_LIMIT, MAX_LIMIT = 24, 100
MAX_CURSOR = 1_000
_PAGE = ("limit", "cursor")


class Rows(Protocol):
    """What can be paged, beside a queryset."""

    def after(self, order: Sequence[str], values: Sequence[Any]) -> Rows:
        """
        Return what lies behind a place of this order.

        :raises ValidationError, ValueError: if there is no such place.
        """

    def order_by(self, *order: str) -> Rows:
        """Return it in an order."""

    def __getitem__(self, wanted: slice, /) -> Iterable[Any]:
        """Return the first rows."""


class InvalidCursor(Refusal):
    """The cursor is not one that this list gave out."""

    status = 400


class InvalidLimit(Refusal):
    """The limit must be a whole number from 1 to 100."""

    status = 400


def page(
    request: Request,
    rows: QuerySet[Any, Any] | Rows,
    *,
    order: tuple[str, ...],
    render: Callable[[Any], Mapping[str, Any]] = dict,
    known: Collection[Form] = (),
    fields: Form | None = None,
) -> Response:
    """
    Answer one page of rows as `{"results": […], "next": url | null}`.

    `order` is at most two columns, the last one unique, both in one direction:
    `("-id",)` or `("-placed_at", "-id")`. The rows are dicts (`.values()`) or models.
    `known` are the forms of what the query may say beside the page; of the `fields` that this one
    shows the caller may choose some.

    :raises InvalidCursor, InvalidLimit, UnknownParameter, UnknownField: for a query that isn't
        one of ours.
    """
    demand_known(request, *known, also=_PAGE if fields is None else (*_PAGE, "fields"))
    if fields is not None and (names := chosen(request, fields)) is not None:
        render = _rendering(render, names)
    limit = _limit(request)
    if (cursor := request.query_params.get("cursor")) is not None:
        rows = _from_cursor(rows, order, cursor)
    found = list(rows.order_by(*order)[: limit + 1])
    next_url = None
    if len(found) > limit:
        found.pop()
        next_url = _next_url(request, [_value(found[-1], name.lstrip("-")) for name in order])
    return Response({"results": [render(row) for row in found], "next": next_url})


def _rendering(
    render: Callable[[Any], Mapping[str, Any]], names: Collection[str]
) -> Callable[[Any], Mapping[str, Any]]:
    return lambda row: only(render(row), names)


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not text.isdecimal() or not 1 <= int(text[:9]) <= MAX_LIMIT:
        raise InvalidLimit
    return int(text)


def _from_cursor(
    rows: QuerySet[Any, Any] | Rows, order: tuple[str, ...], cursor: str
) -> QuerySet[Any, Any] | Rows:
    try:
        values = _decode(cursor, len(order))
        if isinstance(rows, QuerySet):
            return rows.filter(_after(order, values))
        return rows.after(order, values)
    except (ValidationError, ValueError) as error:  # a value that its column can't hold
        raise InvalidCursor from error


def _after(order: tuple[str, ...], values: list[Any]) -> Q:
    operator = "lt" if order[0].startswith("-") else "gt"
    names = [name.lstrip("-") for name in order]
    last = Q(**{f"{names[-1]}__{operator}": values[-1]})
    if len(names) == 1:
        return last
    # The first bound alone finds the place in the index; the rest sorts out ties.
    return Q(**{f"{names[0]}__{operator}e": values[0]}) & (
        Q(**{f"{names[0]}__{operator}": values[0]}) | last
    )


def _value(row: Any, name: str) -> Any:
    return row[name] if isinstance(row, Mapping) else getattr(row, name)


def _next_url(request: Request, values: list[Any]) -> str:
    text = base64.urlsafe_b64encode(orjson.dumps(values, default=str)).decode().rstrip("=")
    query = request.query_params.copy()
    query["cursor"] = text
    return str(request.build_absolute_uri(f"{request.path}?{query.urlencode()}"))


def _decode(cursor: str, length: int) -> list[Any]:
    if len(cursor) > MAX_CURSOR:
        raise InvalidCursor
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, orjson.JSONDecodeError, ValueError) as error:
        raise InvalidCursor from error
    if not isinstance(values, list) or len(values) != length:
        raise InvalidCursor
    if any(not isinstance(value, str | int) or "\0" in str(value) for value in values):
        raise InvalidCursor
    return values
