"""Replicas: which tables are filled by handlers alone, from the log alone."""

from __future__ import annotations

import dataclasses
from collections import defaultdict

from django.apps import apps
from django.db import models
from django.db.models import QuerySet

from kernel.bus.event import event_class, event_names
from kernel.bus.subscriptions import Handler, all_handlers


@dataclasses.dataclass(frozen=True)
class Replica:
    """What an app remembers of another's things, and the handlers that tell it."""

    name: str  # "orders.CatalogueItem"
    model: type[models.Model]
    table: str
    key: str  # the column of the primary key
    columns: tuple[str, ...]  # all others
    handlers: tuple[Handler, ...]

    def size(self) -> int:
        """Return how many rows it has."""
        return QuerySet(self.model).count()

    def hearers(self) -> dict[str, list[Handler]]:
        """Return the handlers by the names of the events that they hear."""
        found: dict[str, list[Handler]] = defaultdict(list)
        for name in event_names():
            for handler in self.handlers:
                event = event_class(name)
                if event and issubclass(event, handler.event):
                    found[name].append(handler)
        return dict(found)


def replicas() -> list[Replica]:
    """Return every replica that handlers declare, by name."""
    found: dict[tuple[str, str], list[Handler]] = defaultdict(list)
    for handler in all_handlers():
        if handler.is_replica:
            found[handler.app, handler.replica].append(handler)
    return [_replica(app, name, handlers) for (app, name), handlers in sorted(found.items())]


def _replica(app: str, name: str, handlers: list[Handler]) -> Replica:
    model = apps.get_app_config(app).get_model(name)
    table = model._meta  # noqa: SLF001 -- Django documents it
    columns = tuple(field.column for field in table.concrete_fields if not field.primary_key)
    key = table.pk.column
    return Replica(f"{app}.{name}", model, table.db_table, key, columns, tuple(handlers))
