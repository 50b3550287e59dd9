"""Each request has an id, and from it on everything that the request causes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from kernel import tracing
from kernel.bus import context
from kernel.ids import new_id

HEADER = "X-Request-ID"
# In what WSGI passes on: what the request is in its trace, for whoever logs its answer.
TRACEPARENT = "shop.traceparent"
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_ASKED_ALL_DAY = re.compile(r"(/health/(live|ready)|^/metrics)$")


class RequestIdMiddleware:
    """Takes the client's `X-Request-ID` or makes one, returns it, and puts it on every event."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Handle the request in a context of its own."""
        given = request.headers.get(HEADER, "")
        request_id = given if _WELL_FORMED.fullmatch(given) else str(new_id())
        with _traced(request) as span:
            span.note(shop__request_id=request_id)
            request.META[TRACEPARENT] = span.traceparent
            cause = context.Context(
                actor="anonymous", correlation_id=request_id, traceparent=span.traceparent
            )
            with context.acting(cause):
                response = self.get_response(request)
            _name(span, request, response)
        response[HEADER] = request_id
        return response


def _traced(request: HttpRequest) -> contextlib.AbstractContextManager[tracing.Span]:
    """Begin the request's span, in its caller's trace if it has one."""
    if _ASKED_ALL_DAY.search(request.path):
        return contextlib.nullcontext(tracing.Span(""))
    given = request.headers.get("traceparent", "")
    cause = given if _TRACE.fullmatch(given) else ""
    return tracing.span("request", "server", cause=cause)


def _name(span: tracing.Span, request: HttpRequest, response: HttpResponse) -> None:
    """Name a span by its route: a path may hold what is nobody's business, and so may a query."""
    match, status = request.resolver_match, response.status_code
    route = f"/{match.route}" if match else "(no route)"
    span.rename(f"{request.method} {route}")
    span.note(
        http__request__method=request.method or "",
        http__route=route,
        http__response__status_code=status,
    )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.fail(str(status))


class StaffActorMiddleware:
    """Names the member of staff who acts in the admin; lies behind Django's sessions."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Handle the request; only one with a session cookie costs a look at the session."""
        if user_id := request.session.get("_auth_user_id"):
            context.name_actor(f"staff:{user_id}")
        return self.get_response(request)
