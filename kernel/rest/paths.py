"""Paths that nothing can stand at."""

from __future__ import annotations

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse


class CleanPathMiddleware:
    """Answers 404 to a path with the character NUL, which PostgreSQL can't even be asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """
        Let other paths through.

        :raises Http404: for such a one.
        """
        if "\0" in request.path:
            raise Http404
        return self.get_response(request)
