from __future__ import annotations

from django.urls import path

from apps.orders.api import orders, timeline

app_name = "orders"
urlpatterns = [
    path("orders", orders.OrderCollection.as_view(), name="collection"),
    path("orders/<uuid:order_id>", orders.OrderDetail.as_view(), name="detail"),
    path("orders/<uuid:order_id>/cancel", orders.OrderCancel.as_view(), name="cancel"),
    path("orders/<uuid:order_id>/timeline", timeline.OrderTimeline.as_view(), name="timeline"),
    path("orders/<uuid:order_id>/stream", timeline.OrderStream.as_view(), name="stream"),
]
