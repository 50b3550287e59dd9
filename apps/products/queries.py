"""What is read of products without changing it."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import Exists, F, OuterRef, QuerySet

from apps.products.models import Availability, Category, Picture, Product

Rows = QuerySet[Product, dict[str, Any]]

# A path below begins with this one and a slash; a zero comes next after the slash.
BELOW = """
SELECT below.id
FROM products_category AS top
JOIN products_category AS below
    ON below.path ~>=~ top.path AND below.path ~<~ (top.path || '0')
    AND (below.id = top.id OR starts_with(below.path, top.path || '/'))
WHERE top.slug = %s
"""

# Built once: a filter on it costs less than building it for each request.
_LIVING: Rows = (
    Product.objects.filter(deleted_at=None)
    .annotate(
        category_slug=F("category__slug"),
        picture_keys=ArraySubquery(
            Picture.objects.filter(product_id=OuterRef("id")).order_by("position").values("key")
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
        "picture_keys",
        "width",
        "length",
        "height",
        "weight",
        "price_amount",
        "price_currency",
        "available",
        "is_active",
        "version",
    )
)
_ACTIVE: Rows = _LIVING.filter(is_active=True)


def active_products() -> Rows:
    """Return what is for sale."""
    return _ACTIVE.all()


def products(*, is_active: bool, category: str | None, tag: str | None, code: str | None) -> Rows:
    """Return the products to which all that is given applies; a category with those below it."""
    rows = _ACTIVE.all() if is_active else _LIVING.filter(is_active=False)
    if category:
        rows = rows.filter(category__in=_with_those_below(category))
    if tag:
        rows = rows.filter(tags__contains=[tag.lower()])
    if code:
        rows = rows.filter(code=code.upper())
    return rows


def _with_those_below(slug: str) -> list[uuid.UUID]:
    """Return the ids of a category and of those below it."""
    with connection.cursor() as cursor:
        cursor.execute(BELOW, [slug])
        return [row[0] for row in cursor.fetchall()]


def product(product_id: uuid.UUID) -> dict[str, Any] | None:
    """Return one product, for sale or not."""
    return _LIVING.filter(id=product_id).first()


def category(slug: str) -> dict[str, Any] | None:
    """Return one category."""
    shown = ("slug", "name", "path", "version")
    found = Category.objects.filter(slug=slug).values(*shown, above=F("parent__slug"))
    row: dict[str, Any] | None = found.first()
    return row


def category_tree() -> list[dict[str, Any]]:
    """Return the categories without a parent, each with its `children`; by path, in one query."""
    roots: list[dict[str, Any]] = []
    by_id: dict[uuid.UUID, dict[str, Any]] = {}
    for row in Category.objects.order_by("path").values("id", "parent_id", "slug", "name", "path"):
        node = {"slug": row["slug"], "name": row["name"], "path": row["path"], "children": []}
        by_id[row["id"]] = node
        above = by_id.get(row["parent_id"])
        (above["children"] if above else roots).append(node)
    return roots
