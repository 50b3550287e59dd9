"""Products as they are read."""

from __future__ import annotations

import dataclasses
import functools
import operator
import uuid
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import JSONObject

from apps.products.models import Availability, Picture, Product
from apps.products.queries.categories import with_those_below
from apps.products.queries.searching import Rows


@dataclasses.dataclass(frozen=True)
class Wanted:
    """
    What a reader asks for but for words: all of it applies.

    A category is wanted with those below it, an attribute with any of its values.
    """

    category: str | None = None
    tags: tuple[str, ...] = ()
    price_min: int | None = None
    price_max: int | None = None
    is_available: bool | None = None
    code: str | None = None
    attributes: Mapping[str, Collection[str]] = dataclasses.field(default_factory=dict)


# Built once: a filter on it costs less than building it for each request.
_LIVING: Rows = (
    Product.objects.filter(deleted_at=None)
    .annotate(
        category_slug=F("category__slug"),
        shown_pictures=ArraySubquery(
            Picture.objects.filter(product_id=OuterRef("id"), state="READY")
            .order_by("position", "id")
            .values(
                picture=JSONObject(id="id", alt_text="alt_text", position="position", sizes="sizes")
            )
        ),
        available=Exists(Availability.objects.filter(product_id=OuterRef("id"), free__gt=0)),
    )
    .values(
        "id",
        "code",
        "name",
        "description",
        "model",
        "category_slug",
        "tags",
        "family_id",
        "attributes",
        "shown_pictures",
        "width",
        "length",
        "height",
        "weight",
        "price_amount",
        "price_currency",
        "tax_class",
        "available",
        "is_active",
        "version",
    )
)
_ACTIVE: Rows = _LIVING.filter(is_active=True)


def active_products() -> Rows:
    """Return what is for sale."""
    return _ACTIVE.all()


def products(*, is_active: bool, wanted: Wanted) -> Rows:
    """Return the products to which all that is wanted applies."""
    rows = _ACTIVE.all() if is_active else _LIVING.filter(is_active=False)
    conditions: dict[str, Any] = {
        "tags__contains": list(wanted.tags) or None,
        "price_amount__gte": wanted.price_min,
        "price_amount__lte": wanted.price_max,
        "available": wanted.is_available,
        "code": wanted.code and wanted.code.upper(),
    }
    if wanted.category:
        conditions["category__in"] = with_those_below(wanted.category)
    rows = rows.filter(**{name: value for name, value in conditions.items() if value is not None})
    for name, values in wanted.attributes.items():
        any_of_them = (Q(attributes__contains={name: value}) for value in values)
        rows = rows.filter(functools.reduce(operator.or_, any_of_them))
    return rows


def exported() -> Iterator[dict[str, Any]]:
    """Return all products that aren't deleted, by code, a few at a time."""
    parts = ("name", "description", "model", "category_slug", "tags", "family_id", "attributes")
    sizes = ("width", "length", "height", "weight", "price_amount", "price_currency")
    rows: Rows = _LIVING.order_by("code").values("code", *parts, *sizes, "tax_class", "is_active")
    yield from rows.iterator(chunk_size=1000)


def product(product_id: uuid.UUID) -> dict[str, Any] | None:
    """Return one product, for sale or not."""
    return _LIVING.filter(id=product_id).first()
