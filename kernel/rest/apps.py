from __future__ import annotations

from django.apps import AppConfig


class RestConfig(AppConfig):
    name = "kernel.rest"
    label = "rest"
    verbose_name = "REST"
    default_auto_field = "django.db.models.BigAutoField"
