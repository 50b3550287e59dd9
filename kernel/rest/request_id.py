"""Each request has an id, and from it on everything that the request causes."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from kernel.bus import context
from kernel.ids import new_id

HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(r"^[A-Za-z0-9._-]{1,64}$")


class RequestIdMiddleware:
    """Takes the client's `X-Request-ID` or makes one, returns it, and puts it on every event."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Handle the request in a context of its own."""
        given = request.headers.get(HEADER, "")
        request_id = given if _WELL_FORMED.match(given) else str(new_id())
        cause = context.Context(
            actor="anonymous",
            correlation_id=request_id,
            traceparent=request.headers.get("traceparent", "")[:55],
        )
        with context.acting(cause):
            response = self.get_response(request)
        response[HEADER] = request_id
        return response


class StaffActorMiddleware:
    """Names the member of staff who acts in the admin; lies behind Django's sessions."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Handle the request; only one with a session cookie costs a look at the session."""
        if user_id := request.session.get("_auth_user_id"):
            context.name_actor(f"staff:{user_id}")
        return self.get_response(request)
