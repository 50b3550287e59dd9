"""What follows from what an operation is: codes, parameters and headers, which no one declares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.views import APIView

from kernel.refusals import PreconditionFailed, Refusal
from kernel.rest import codes
from kernel.rest.codes import Code
from kernel.rest.declarations import refused_by, sent_by
from kernel.rest.etags import PreconditionRequired
from kernel.rest.idempotency import (
    HEADER,
    REPLAYED,
    IdempotencyKeyReused,
    InvalidIdempotencyKey,
    RequestInProgress,
)
from kernel.rest.paging import DEFAULT_LIMIT, MAX_CURSOR, MAX_LIMIT, InvalidCursor, InvalidLimit
from kernel.rest.problems import BodyTooLarge
from kernel.rest.rendering import BodyTooDeep, DuplicateKey
from kernel.rest.request_id import HEADER as REQUEST_ID
from kernel.rest.roles import roles_let_in
from kernel.rest.selection import UnknownField, UnknownParameter

Operation = dict[str, Any]
_TEXT = {"type": "string"}
_TAG = {"type": "string", "pattern": '^(W/)?"v[0-9]{1,9}(-[a-z]{1,20})?"$'}
PARAMETERS: dict[str, dict[str, Any]] = {
    "limit": {
        "in": "query",
        "description": "How many there are on a page.",
        "schema": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_LIMIT,
            "default": DEFAULT_LIMIT,
        },
    },
    "cursor": {
        "in": "query",
        "description": "Where the page begins, from `next` of the page before.",
        "schema": {**_TEXT, "pattern": f"^[A-Za-z0-9_-]{{1,{MAX_CURSOR}}}$"},
    },
    "If-Match": {
        "in": "header",
        "required": True,
        "description": "The `ETag` that was read, so that nobody's change is overwritten.",
        "schema": _TEXT,
    },
    "If-None-Match": {
        "in": "header",
        "description": "The `ETag` that is known: the answer is 304 if it is still the newest.",
        "schema": _TEXT,
    },
    HEADER: {
        "in": "header",
        "description": "Any text, new for each thing that you want done: the same request with the"
        " same key has one effect and one answer, for a day.",
        "schema": {**_TEXT, "minLength": 1, "maxLength": 255},
    },
}
HEADERS: dict[str, dict[str, Any]] = {
    REQUEST_ID: {
        "required": True,
        "description": "The id of the request: the client's own if it sent a good one. It is in"
        " every problem too, and on all that the request causes.",
        "schema": {**_TEXT, "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    },
    "ETag": {
        "required": True,
        "description": "Which version this is, for `If-Match` and `If-None-Match`.",
        "schema": _TAG,
    },
    "Location": {
        "required": True,
        "description": "Where to go on.",
        "schema": {**_TEXT, "format": "uri-reference"},
    },
    "Retry-After": {
        "required": True,
        "description": "Seconds until it is worth asking again.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "required": True,
        "description": "How to say who you are.",
        "schema": _TEXT,
    },
    REPLAYED: {
        "description": "`true` for an answer that was given before, to the same key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}


def parameters(operation: Operation, method: object, *, is_page: bool) -> Iterator[str]:
    """Return the names of the parameters that an operation has by rule."""
    named = {each["name"] for each in operation.get("parameters", ()) if not _is_own(each)}
    yield from (name for name in PARAMETERS if name in named)
    if is_page:
        yield from ("limit", "cursor")
    if getattr(method, "is_idempotent", False):
        yield HEADER
    if "304" in operation["responses"]:
        yield "If-None-Match"


def refusals(operation: Operation, view: APIView, method: object, path: str) -> Iterator[Code]:
    """Return every code that an operation can answer with."""
    yield codes.INTERNAL_ERROR
    yield from refused_by(method)
    yield from _of_caller(view)
    yield from _of_parameters(operation.get("parameters", ()))
    if "{" in path:
        yield codes.NOT_FOUND
    if view.get_throttles():
        yield codes.THROTTLED
    if view.content_negotiation_class is DefaultContentNegotiation:
        yield codes.NOT_ACCEPTABLE
    if "requestBody" in operation or _has_filters(operation):
        yield codes.INVALID
    if "requestBody" in operation or getattr(method, "is_idempotent", False):  # which reads it
        yield from (codes.PARSE_ERROR, codes.UNSUPPORTED_MEDIA_TYPE)
        yield from map(Code.of, (BodyTooLarge, BodyTooDeep, DuplicateKey))


def headers(status: int, operation: Operation, method: object) -> Iterator[str]:
    """Return the names of the headers that an answer of this status has."""
    yield REQUEST_ID
    leads_on = {"302", "303", "307", "308"} & set(operation["responses"])
    if status < 400 and (status >= 300 or not leads_on):
        yield from (name for name in sent_by(method) if status != 304 or name == "ETag")
    if status < 300 and getattr(method, "is_idempotent", False):
        yield REPLAYED
    if status == 401:
        yield "WWW-Authenticate"
    if status in {429, 503}:
        yield "Retry-After"


def _has_filters(operation: Operation) -> bool:
    parameters = operation.get("parameters", ())
    return any(p["in"] == "query" and p["name"] not in PARAMETERS for p in parameters)


def _of_caller(view: APIView) -> Iterator[Code]:
    roles = roles_let_in(view.get_permissions())
    for authenticator in view.get_authenticators():
        yield from getattr(authenticator, "codes", ())
    if roles is not None:
        yield codes.NOT_AUTHENTICATED
    if roles:
        yield codes.PERMISSION_DENIED


def _is_own(parameter: Mapping[str, Any]) -> bool:
    """Say whether it is an If-Match that is only honoured, which no rule describes."""
    return parameter["name"] == "If-Match" and not parameter.get("required")


def _of_parameters(parameters: Iterable[Mapping[str, Any]]) -> Iterator[Code]:
    known: dict[str, list[type[Refusal]]] = {
        "limit": [InvalidLimit, UnknownParameter],
        "cursor": [InvalidCursor],
        "fields": [UnknownField],
        "If-Match": [PreconditionFailed, PreconditionRequired],
        HEADER: [InvalidIdempotencyKey, IdempotencyKeyReused, RequestInProgress],
    }
    for parameter in parameters:
        refusals = known.get(parameter["name"], [])
        yield from map(Code.of, refusals[:1] if _is_own(parameter) else refusals)
