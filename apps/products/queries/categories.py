"""The tree of categories as it is read."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import connection
from django.db.models import F

from apps.products.models import Category

# A path below begins with this one and a slash; a zero comes next after the slash.
BELOW = """
SELECT below.id
FROM products_category AS top
JOIN products_category AS below
    ON below.path ~>=~ top.path AND below.path ~<~ (top.path || '0')
    AND (below.id = top.id OR starts_with(below.path, top.path || '/'))
WHERE top.slug = %s
"""


def with_those_below(slug: str) -> list[uuid.UUID]:
    """Return the ids of a category and of those below it."""
    with connection.cursor() as cursor:
        cursor.execute(BELOW, [slug])
        return [row[0] for row in cursor.fetchall()]


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
