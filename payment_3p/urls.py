from __future__ import annotations

from django.urls import path

from payment_3p import api

handler404 = api.not_found
handler500 = api.server_error

urlpatterns = [
    path("health", api.health),
    path("preauth", api.preauth),
    path("check", api.check),
    path("updateAmount", api.update_amount),
    path("processPayment", api.process_payment),
    path("cancelPayment", api.cancel_payment),
    path("refund", api.refund),
    path("payments", api.books),
    path("payments/<slug:token>", api.payment),
]
