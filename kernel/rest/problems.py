"""Errors as RFC 9457 problem details, with a stable code and every invalid field named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from kernel.bus import context
from kernel.refusals import Refusal
from kernel.rest.codes import phrase

MEDIA_TYPE = "application/problem+json"


class BodyTooLarge(Refusal):
    """The body is too large."""

    status = 413
    members = {"most": int}


def handle_exception(error: Exception, view_context: dict[str, Any]) -> Response | None:
    """Answer with a problem; an error that isn't meant for callers stays one (500)."""
    if isinstance(error, RequestDataTooBig):
        error = BodyTooLarge(most=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    if isinstance(error, Refusal):
        body = problem(error.status, error.code(), str(error), **error.facts)
        return _answer(Response(body, status=error.status), error)
    response = exception_handler(error, view_context)
    if response is None:
        return None
    if isinstance(error, exceptions.ValidationError):
        errors = list(_fields(error.get_full_details()))
        response.data = problem(400, "invalid", "The request is not valid.", errors=errors)
    else:
        code, detail = _code_and_detail(error)
        seconds = getattr(error, "wait", None)  # of a throttle
        facts = {} if seconds is None else {"retry_after": seconds}
        response.data = problem(response.status_code, code, detail, **facts)
    return _answer(response, error)


def problem(status: int, code: str, detail: str, **members: Any) -> dict[str, Any]:
    """Return the body of a problem; `type` leads to what the shop itself says of the code."""
    return {
        "type": f"/docs/problems#{code}",
        "title": phrase(status),
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": context.current().correlation_id,
        **members,
    }


def server_error(request: HttpRequest) -> JsonResponse:
    """Answer what no one foresaw: the request id is all that the caller needs to know."""
    body = problem(500, "internal_error", "Something went wrong here. Tell us the request id.")
    return JsonResponse(body, status=500, content_type=MEDIA_TYPE)


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Answer a request that no view could see, such as one for a host that isn't ours."""
    body = problem(400, "bad_request", "The request can't be understood.")
    return JsonResponse(body, status=400, content_type=MEDIA_TYPE)


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Answer a path that isn't there."""
    body = problem(404, "not_found", f"There is nothing at {request.path}.")
    return JsonResponse(body, status=404, content_type=MEDIA_TYPE)


def _answer(response: Response, error: Exception) -> Response:
    response.content_type = MEDIA_TYPE
    if response.status_code == 401:  # a refusal's too
        challenge = getattr(error, "challenge", 'Bearer realm="api"')
        response.headers.setdefault("WWW-Authenticate", challenge)
    if (seconds := getattr(error, "retry_after", None)) is not None:
        response["Retry-After"] = str(seconds)
    return response


def _code_and_detail(error: Exception) -> tuple[str, str]:
    if isinstance(error, exceptions.APIException):
        return str(error.get_codes()), str(error.detail)
    # REST framework turns these two of Django's into answers of its own.
    known = {"Http404": "not_found", "PermissionDenied": "permission_denied"}
    code = known[type(error).__name__]
    return code, {"not_found": "Not found."}.get(code, "You may not do this.")


def _fields(details: Any, path: str = "") -> Iterator[dict[str, str]]:
    if isinstance(details, dict) and set(details) == {"message", "code"}:
        yield {"field": path, "code": str(details["code"]), "detail": str(details["message"])}
    elif isinstance(details, dict):
        for name, inner in details.items():
            yield from _fields(inner, _join(path, name))
    else:
        for index, inner in enumerate(details):
            is_leaf = isinstance(inner, dict) and set(inner) == {"message", "code"}
            yield from _fields(inner, path if is_leaf else _join(path, index))


def _join(path: str, name: object) -> str:
    if name == "non_field_errors":
        return path
    return f"{path}.{name}" if path else str(name)
