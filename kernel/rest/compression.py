"""Answers in JSON are sent compressed to whoever understands that."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

WORTHWHILE = 1_000  # bytes; less fits one packet anyway
_TEXTS = re.compile(r"application/(?:[a-z.]+\+)?json|application/vnd\.oai\.openapi(?:;|$)")
_REFUSED = re.compile(r"\bgzip\s*;\s*q=0(?:\.0*)?\s*(?:,|$)")


class CompressionMiddleware(GZipMiddleware):
    """
    Django's gzip, for JSON alone: files and streams are compressed already, or mustn't wait.

    A random part of random length lies in each answer, so that its length tells nothing of the
    secrets in it (BREACH). The entity tag becomes a weak one, which `etags` knows as its own.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Compress the answer if it is worth it and wanted; say in `Vary` that it depends."""
        if not isinstance(response, HttpResponse) or len(response.content) < WORTHWHILE:
            return response
        if not _TEXTS.match(response.get("Content-Type", "")):
            return response
        if _REFUSED.search(request.headers.get("Accept-Encoding", "")):
            request.META["HTTP_ACCEPT_ENCODING"] = ""
        return super().process_response(request, response)
