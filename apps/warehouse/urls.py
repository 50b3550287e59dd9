"""The warehouse's paths."""

from __future__ import annotations

from django.urls import path

from apps.warehouse import api

app_name = "warehouse"
_REQUEST = "warehouse/packaging-requests/<uuid:order_id>"
urlpatterns = [
    path("warehouse/stock", api.StockList.as_view(), name="stock"),
    path(
        "warehouse/stock/<uuid:product_id>/adjustments",
        api.StockAdjustments.as_view(),
        name="adjustments",
    ),
    path(
        "warehouse/packaging-requests",
        api.PackagingRequestList.as_view(),
        name="packaging-requests",
    ),
    path(_REQUEST, api.PackagingRequestDetail.as_view(), name="packaging-request"),
    path(f"{_REQUEST}/start", api.PackagingStart.as_view(), name="packaging-start"),
    path(
        f"{_REQUEST}/lines/<uuid:product_id>",
        api.PackagingLineDetail.as_view(),
        name="packaging-line",
    ),
    path(f"{_REQUEST}/complete", api.PackagingComplete.as_view(), name="packaging-complete"),
]
