from __future__ import annotations

from django.apps import AppConfig


class PaymentConfig(AppConfig):
    name = "apps.payment"
    label = "payment"
    default_auto_field = "django.db.models.BigAutoField"
