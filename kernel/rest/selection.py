"""What a query may say, and `?fields=`: who needs little is answered little."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from kernel.refusals import Refusal

FIELDS = OpenApiParameter(
    "fields",
    {"type": "string", "maxLength": 500},
    description="Names of fields, with commas between them: the answer has these alone.",
)
_MOST_TOLD = 20  # of what isn't known
Form = type[serializers.Serializer]


class UnknownParameter(Refusal):
    """The query says something that isn't known here."""

    status = 400
    members = {"parameters": list[str]}


class UnknownField(Refusal):
    """There is no such field to choose."""

    status = 400
    members = {"fields": list[str]}


def demand_known(request: Request, *forms: Form, also: Collection[str] = ()) -> None:
    """
    Refuse a query that says more than these forms ask, rather than answer something else.

    What begins with a form's `open_prefix` is that form's own.

    :raises UnknownParameter: naming what isn't known.
    """
    if not request.query_params:
        return
    known = frozenset(also).union(*map(names_of, forms))
    prefixes = tuple(form.open_prefix for form in forms if hasattr(form, "open_prefix"))
    names = sorted(request.query_params.keys() - known)
    if unknown := [name for name in names if not name.startswith(prefixes)]:
        raise UnknownParameter(parameters=unknown[:_MOST_TOLD])


def chosen(request: Request, form: Form) -> frozenset[str] | None:
    """
    Return the fields that the caller wants of those that the form shows, or None for all.

    :raises UnknownField: naming those that it doesn't show.
    """
    if (text := request.query_params.get("fields")) is None:
        return None
    names = frozenset(text.split(","))
    if unknown := sorted(names - names_of(form)):
        raise UnknownField(fields=unknown[:_MOST_TOLD])
    return names


@functools.cache
def names_of(form: Form) -> frozenset[str]:
    """Return the names of a form's fields."""
    return frozenset(map(str, form().fields))


def only(body: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return of a body what was chosen."""
    return {name: value for name, value in body.items() if name in names}
