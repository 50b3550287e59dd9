"""Delivery's paths."""

from __future__ import annotations

from django.urls import path

from apps.delivery import api

app_name = "delivery"
_SHIPMENT = "delivery/shipments/<uuid:order_id>"
urlpatterns = [
    path("delivery/quotes", api.Quotes.as_view(), name="quotes"),
    path("delivery/tracking/<str:number>", api.Tracking.as_view(), name="tracking"),
    path("delivery/shipments", api.ShipmentList.as_view(), name="shipments"),
    path(_SHIPMENT, api.ShipmentDetail.as_view(), name="shipment"),
    path(f"{_SHIPMENT}/start", api.ShipmentStart.as_view(), name="shipment-start"),
    path(f"{_SHIPMENT}/complete", api.ShipmentComplete.as_view(), name="shipment-complete"),
    path(f"{_SHIPMENT}/fail", api.ShipmentFail.as_view(), name="shipment-fail"),
]
