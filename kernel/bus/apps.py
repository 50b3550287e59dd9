from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import autodiscover_modules, import_string


class BusConfig(AppConfig):
    name = "kernel.bus"
    label = "bus"
    verbose_name = "Event bus"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        if settings.TRACING:
            import_string(settings.TRACING)()
        autodiscover_modules(
            "events", "handlers", "jobs", "deadletters", "watchdog", "pruning", "figures"
        )
