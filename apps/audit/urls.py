from __future__ import annotations

from django.urls import path

from apps.audit import api

app_name = "audit"
urlpatterns = [
    path("audit/events", api.EventCollection.as_view(), name="events"),
    path("audit/orders/<uuid:order_id>", api.OrderThen.as_view(), name="order"),
]
