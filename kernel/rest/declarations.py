"""What a view's method says of itself, for the schema: what it refuses, which headers it sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiParameter

from kernel.refusals import Refusal
from kernel.rest.codes import Code

IF_MATCH = OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, required=True)
MethodT = TypeVar("MethodT", bound=Callable[..., Any])


def refuses(*refusals: type[Refusal] | Code) -> Callable[[MethodT], MethodT]:
    """
    Declare the refusals that a method may answer with.

    What follows from the rest of it need not be said: who may ask, `Idempotency-Key`,
    `If-Match`, pages, and a body that is not valid.
    """

    def declare(method: MethodT) -> MethodT:
        method.refusals = refusals  # type: ignore[attr-defined]
        return method

    return declare


def sends(*headers: str) -> Callable[[MethodT], MethodT]:
    """Declare headers of a method's success: `ETag` of a GET lets a client ask for changes only."""

    def declare(method: MethodT) -> MethodT:
        method.sends = headers  # type: ignore[attr-defined]
        return method

    return declare


def refused_by(method: object) -> tuple[Code, ...]:
    """Return the codes that a method declares."""
    declared = getattr(method, "refusals", ())
    return tuple(each if isinstance(each, Code) else Code.of(each) for each in declared)


def sent_by(method: object) -> tuple[str, ...]:
    """Return the headers that a method declares."""
    return getattr(method, "sends", ())
