"""Many rows of one: the newest row of every table, with all that hangs on it, in bulk inserts."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import UniqueConstraint

from apps.orders.models.number import new_number
from kernel.ids import new_id

Fields = dict[str, Any]
_OURS = {*settings.MODULES, "bus", "rest"}

# What a copy must have of its own beside what is simply unique, so that its table allows it.
CHANGES: dict[str, Callable[[Any, int], Fields]] = {
    "delivery.Zone": lambda *_: {"is_rest": False},
    "delivery.ZoneCountry": lambda _, n: {"country": _country(n)},
    "invoices.Mail": lambda row, _: {"kind": row.kind},
    "invoices.CreditNote": lambda *_: {"amount": 1},  # a hundred of one invoice
    "payment.Difference": lambda row, _: {"kind": row.kind, "gateway": row.gateway},
    "payment.LedgerEntry": lambda row, _: {
        "operation_id": new_id(),
        "debit": row.debit,
        "credit": row.credit,
    },
    "orders.Order": lambda *_: {"number": new_number()},
    "orders.TaxRate": lambda row, n: {"country": _country(n), "tax_class": row.tax_class},
    "products.Product": lambda row, n: _other_size(row, f"{n}"),
    "users.SavedAddress": lambda *_: {"is_default_shipping": False, "is_default_billing": False},
}
ALONE = {"delivery.Zone", "products.Category"}  # else too many countries; a path that is wrong
ONE_ROW = {"bus.Told", "invoices.Seller", "invoices.SellerText"}  # and the tables allow no more
CHILDREN = 2  # of each table, with their own


def copy_everything(count: int, *, such: Mapping[str, Fields]) -> None:
    """
    Copy a row of every table so many times, and with each copy what refers to the row.

    What is unique differs, and all else stays: whose it is too. `such` says of tables by their
    name which row it is to be; else it is the newest.
    """
    ours = [model for model in apps.get_models() if model._meta.app_label in _OURS]
    numbers = itertools.count()
    for model in ours:
        rows = model._base_manager.filter(**such.get(model._meta.label, {}))
        row = rows.order_by("pk").last()
        if row and model._meta.label not in ONE_ROW and not _hangs(row):
            _copy(row, [{} for _ in range(count)], numbers)


def _copy(row: models.Model, given: list[Fields], numbers: Iterator[int]) -> None:
    """Insert a copy with each of the given fields, and copies of the rows that refer to it."""
    model = type(row)
    copies = [model(**{**_fields(row, next(numbers)), **fields}) for fields in given]
    model._base_manager.bulk_create(copies)
    if row._meta.label in ALONE:
        return
    for relation in row._meta.related_objects:
        key = relation.field  # type: ignore[attr-defined]
        children = relation.related_model._base_manager.filter(**{key.name: row})
        for child in children.order_by("pk")[:CHILDREN]:
            _copy(child, [{key.attname: copy.pk} for copy in copies], numbers)


def _fields(row: models.Model, number: int) -> Fields:
    label, unique = row._meta.label, _unique(type(row))
    fields: Fields = {}
    for field in row._meta.concrete_fields:
        if not field.generated and not isinstance(field, models.AutoField):
            value = getattr(row, field.attname)
            # A key that must be unique may lead nowhere: it is looked at when one commits.
            is_to_differ = field.unique or (field.name in unique and not field.is_relation)
            fields[field.attname] = _another(value, field, number) if is_to_differ else value
    return {**fields, **CHANGES.get(label, lambda *_: {})(row, number)}


def _other_size(product: Any, size: str) -> Fields:
    changed = {"size": size} if product.family_id else {}
    return {"attributes": changed, "options": changed or None}


def _country(number: int) -> str:
    """Return one of 104 codes with letters that no country of the world's rows begins with."""
    return "VWXY"[number % 4] + chr(ord("A") + number // 4 % 26)


def _hangs(row: models.Model) -> bool:
    """Say whether another row has this as the only one: copies of that one bring their own."""
    alone = [[field.name] for field in row._meta.concrete_fields if field.unique]
    together = [c.fields for c in _constraints(type(row)) if c.condition is None]
    return any(
        all(_leads_on(row, row._meta.get_field(name)) for name in names)
        for names in (*alone, *together)
    )


def _leads_on(row: models.Model, field: Any) -> bool:
    return field.is_relation and getattr(row, field.attname) is not None


def _unique(model: type[models.Model]) -> set[str]:
    """Return the names of the fields that some constraint holds apart, alone or with others."""
    alone = {field.name for field in model._meta.concrete_fields if field.unique}
    return alone.union(*(constraint.fields for constraint in _constraints(model)))


def _constraints(model: type[models.Model]) -> list[UniqueConstraint]:
    return [c for c in model._meta.constraints if isinstance(c, UniqueConstraint)]


def _another(value: Any, field: Any, number: int) -> Any:
    match value:
        case uuid.UUID():
            return new_id()
        case bool() | dict() | None:
            return value
        case int():
            return value + 1 + number
    ending = f"-{number}"
    return f"{value[: (field.max_length or 100) - len(ending)]}{ending}"
