"""Months of documents as one file, by a link above the list of invoices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.admin import ModelAdmin

from apps.invoices.exports import Month, csv_file, zip_file

OFFERED = 13  # months: the one that runs, and a year


class MonthsAdmin(ModelAdmin):
    list_before_template = "admin/invoices/months.html"

    def get_urls(self) -> list[URLPattern]:
        return [
            path("months/<month:month>.zip", self._sent(zip_file), name="invoices_month_zip"),
            path("months/<month:month>.csv", self._sent(csv_file), name="invoices_month_csv"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        months = last_months(timezone.now().date())
        return super().changelist_view(request, {**(extra_context or {}), "months": months})

    def _sent(self, file: Callable[[Month], StreamingHttpResponse]) -> Any:
        def send(request: HttpRequest, month: Month) -> HttpResponseBase:
            if not self.has_view_permission(request):
                raise PermissionDenied
            return file(month)

        return self.admin_site.admin_view(send)


def last_months(today: dt.date) -> list[Month]:
    """Return the month of a day and those before it, the newest first."""
    months = [Month(today.replace(day=1))]
    while len(months) < OFFERED:
        months.append(Month((months[-1].first - dt.timedelta(days=1)).replace(day=1)))
    return months
