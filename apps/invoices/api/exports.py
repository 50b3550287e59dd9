"""A month's invoices and credit notes as one file, over REST: for support."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.invoices.exports import CSV, ZIP, Month, csv_file, zip_file
from kernel.rest.roles import role

_MONTH = OpenApiParameter(
    "month",
    {"type": "string", "pattern": r"^20[0-9]{2}-(0[1-9]|1[0-2])$"},
    OpenApiParameter.PATH,
    description="Year and month of issue: 2026-03.",
)


class OneKindOnly(BaseContentNegotiation):
    """What is sent follows from the path, whatever a client says it accepts."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> None:
        """Take no body."""

    def select_renderer(
        self, request: Request, renderers: Iterable[Any], format_suffix: str | None = None
    ) -> tuple[Any, str]:
        """Return the renderer of refusals."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class MonthAsZip(APIView):
    permission_classes = [role("support")]
    content_negotiation_class = OneKindOnly

    @extend_schema(
        operation_id="export_invoices_zip",
        summary="Export a month's invoices and credit notes",
        description="A ZIP of all PDFs and, last, `invoices.csv`. It is sent while it is made:"
        " one that breaks off is not whole, and says so to whoever unpacks it.",
        parameters=[_MONTH],
        responses={(200, ZIP): OpenApiResponse(OpenApiTypes.BINARY)},
    )
    def get(self, request: Request, month: Month) -> StreamingHttpResponse:
        return zip_file(month)


class MonthAsCsv(APIView):
    permission_classes = [role("support")]
    content_negotiation_class = OneKindOnly

    @extend_schema(
        operation_id="export_invoices_csv",
        summary="Export a month for bookkeeping",
        description="A line for each tax rate of each invoice and credit note issued; what is"
        " credited is negative.",
        parameters=[_MONTH],
        responses={(200, CSV): OpenApiResponse(OpenApiTypes.STR)},
    )
    def get(self, request: Request, month: Month) -> StreamingHttpResponse:
        return csv_file(month)
