from __future__ import annotations

from typing import Any

from django.core.management.commands.migrate import Command as DjangosMigrate
from django.db import DEFAULT_DB_ALIAS, connection
from django.utils import timezone

from kernel.bus.models import Subscription
from kernel.bus.registration import subscribe_new
from kernel.transactions import transaction


class Command(DjangosMigrate):
    help = f"{DjangosMigrate.help} Then notes from when on each new event handler hears."

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if options["plan"] or options["check_unapplied"]:
            return
        if options["database"] == DEFAULT_DB_ALIAS and _has_table():
            with transaction():
                new = subscribe_new(at=timezone.now())
            if new and self.verbosity >= 1:
                self.stdout.write(f"Hearing from now on: {', '.join(new)}.")


def _has_table() -> bool:
    """Say whether the bus has been migrated so far: one may migrate an app alone, or backwards."""
    return Subscription._meta.db_table in connection.introspection.table_names()  # noqa: SLF001
