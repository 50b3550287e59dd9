"""A month as an answer that is saved as a file, and made while it is sent."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import StreamingHttpResponse

from apps.invoices.exports.archive import zip_of
from apps.invoices.exports.month import Month
from apps.invoices.exports.table import csv_of

ZIP, CSV = "application/zip", "text/csv"


def zip_file(month: Month) -> StreamingHttpResponse:
    """Return all PDFs of a month and the table of them."""
    parts = zip_of(month.documents(), on=month.first)
    return _attachment(parts, name=f"invoices-{month}.zip", media_type=ZIP)


def csv_file(month: Month) -> StreamingHttpResponse:
    """Return a month's table for bookkeeping."""
    return _attachment(csv_of(month.documents()), name=f"invoices-{month}.csv", media_type=CSV)


def _attachment(parts: Iterator[bytes], *, name: str, media_type: str) -> StreamingHttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(parts, content_type=media_type, headers=headers)
