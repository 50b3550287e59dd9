from __future__ import annotations

from django.urls import path

from apps.orders import api

app_name = "orders"
urlpatterns = [
    path("orders", api.OrderCollection.as_view(), name="collection"),
    path("orders/<uuid:order_id>", api.OrderDetail.as_view(), name="detail"),
    path("orders/<uuid:order_id>/cancel", api.OrderCancel.as_view(), name="cancel"),
    path("orders/<uuid:order_id>/timeline", api.OrderTimeline.as_view(), name="timeline"),
]
