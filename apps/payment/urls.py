from __future__ import annotations

from django.urls import path

from apps.payment import api

app_name = "payment"
urlpatterns = [
    path("payments", api.PaymentList.as_view(), name="list"),
    path("payments/gateways", api.Gateways.as_view(), name="gateways"),
    path("payments/webhooks/<slug:gateway>", api.Webhooks.as_view(), name="webhooks"),
    path("payments/<uuid:order_id>", api.PaymentDetail.as_view(), name="detail"),
    path("payments/<uuid:order_id>/refunds", api.Refunds.as_view(), name="refunds"),
    path(
        "payments/<uuid:order_id>/capture-retries",
        api.CaptureRetries.as_view(),
        name="capture-retries",
    ),
    path("payments/<uuid:order_id>/retries", api.Retries.as_view(), name="retries"),
    path("payments/<uuid:order_id>/write-offs", api.WriteOffs.as_view(), name="write-offs"),
]
