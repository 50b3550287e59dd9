"""How many products there are of each kind among those that a reader asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection

from apps.products.queries.products import Wanted, products

MAX_TAGS_SHOWN = 50
# In minor units; each bucket ends where the next one begins, and the last has no end.
BUCKETS = (0, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
# What was found is found once, and counted in four ways.
_COUNT = """
WITH found AS MATERIALIZED ({found}),
direct AS (SELECT category_id, count(*) AS number FROM found GROUP BY category_id)
SELECT 'categories' AS facet, above.path AS value, above.slug, above.name, sum(direct.number)::int
    FROM direct
    JOIN products_category AS own ON own.id = direct.category_id
    CROSS JOIN unnest(string_to_array(own.path, '/')) AS step (slug)
    JOIN products_category AS above ON above.slug = step.slug
    GROUP BY above.id
UNION ALL (
    SELECT 'tags', tag, '', '', count(*)::int FROM found CROSS JOIN unnest(found.tags) AS each (tag)
    GROUP BY tag ORDER BY count(*) DESC, tag LIMIT %s
)
UNION ALL SELECT 'prices', width_bucket(price_amount, %s::bigint[])::text, '', '', count(*)::int
    FROM found GROUP BY 2
UNION ALL SELECT 'availability', available::text, '', '', count(*)::int FROM found GROUP BY 2
"""
Row = tuple[str, str, str, str, int]


def facets(wanted: Wanted) -> dict[str, Any]:
    """
    Count what is for sale and wanted: in all, and by category, tag, price and availability.

    A category counts what lies below it too. Of tags there are the fifty most frequent.
    """
    rows = _rows(wanted)
    availability = _of(rows, "availability", lambda row: {"available": row[1] == "true"})
    return {
        "count": sum(each["count"] for each in availability),
        "categories": sorted(_of(rows, "categories", _category), key=lambda each: each["path"]),
        "tags": sorted(_of(rows, "tags", lambda row: {"tag": row[1]}), key=_most_first),
        "prices": sorted(_of(rows, "prices", _bucket), key=lambda each: each["price_min"]),
        "availability": sorted(availability, key=lambda each: not each["available"]),
    }


def _rows(wanted: Wanted) -> list[Row]:
    shown = ("category_id", "tags", "price_amount", "available")
    found = products(is_active=True, wanted=wanted).values(*shown)
    try:
        text, values = found.query.sql_with_params()
    except EmptyResultSet:  # a category that isn't there
        return []
    with connection.cursor() as cursor:
        cursor.execute(_COUNT.format(found=text), [*values, MAX_TAGS_SHOWN, list(BUCKETS)])
        counts: list[Row] = cursor.fetchall()
    return counts


def _of(
    rows: list[Row], facet: str, shown: Callable[[Row], dict[str, Any]]
) -> list[dict[str, Any]]:
    return [{**shown(row), "count": row[4]} for row in rows if row[0] == facet]


def _category(row: Row) -> dict[str, Any]:
    return {"slug": row[2], "name": row[3], "path": row[1]}


def _bucket(row: Row) -> dict[str, Any]:
    number = int(row[1])
    end = BUCKETS[number] - 1 if number < len(BUCKETS) else None
    return {"price_min": BUCKETS[number - 1], "price_max": end}


def _most_first(each: dict[str, Any]) -> tuple[int, str]:
    return -each["count"], each["tag"]
