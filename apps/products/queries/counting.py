"""How many products there are of each kind among those that a reader asks for."""
# ruff: noqa: S608 -- what is put into the statements are constants of this module

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection

from apps.products.queries.products import Wanted, products
from apps.products.queries.searching import Query, Rows, find, matching

# Nobody reads a million rows to count them: of more than these the newest are counted.
MAX_COUNTED = 5_000
MAX_VALUES_SHOWN = 50  # tags, and values of an attribute
MAX_NAMES_SHOWN = 8
# In minor units; each bucket ends where the next one begins, and the last has no end.
BUCKETS = (0, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
_BOUNDS = ",".join(str(bucket) for bucket in BUCKETS)

_FOUND = "WITH found AS MATERIALIZED ({found}), {names}"
# The attributes to count: those that are asked for by name, or what families differ by.
_GIVEN_NAMES = "names AS (SELECT unnest(%s::text[]) AS name)"
_FAMILIES_NAMES = f"""
families AS (SELECT family_id, count(*) AS number FROM found GROUP BY family_id),
names AS (
    SELECT option AS name FROM families JOIN products_family AS family ON family.id = family_id
    CROSS JOIN unnest(family.options) AS each (option)
    WHERE option <> ALL (%s::text[])
    GROUP BY option ORDER BY sum(number) DESC, option LIMIT {MAX_NAMES_SHOWN}
)
"""
_COUNTS = {
    "all": "SELECT 'all', '', '', '', count(*)::int FROM found",
    "categories": """
        SELECT 'categories', above.path, above.slug, above.name, sum(direct.number)::int
        FROM (SELECT category_id, count(*) AS number FROM found GROUP BY category_id) AS direct
        JOIN products_category AS own ON own.id = direct.category_id
        CROSS JOIN unnest(string_to_array(own.path, '/')) AS step (slug)
        JOIN products_category AS above ON above.slug = step.slug
        GROUP BY above.id
    """,
    "tags": f"""(
        SELECT 'tags', tag, '', '', count(*)::int
        FROM found CROSS JOIN unnest(found.tags) AS each (tag)
        GROUP BY tag ORDER BY count(*) DESC, tag LIMIT {MAX_VALUES_SHOWN}
    )""",
    "prices": f"""
        SELECT 'prices', width_bucket(price_amount, '{{{_BOUNDS}}}'::bigint[])::text, '', '',
            count(*)::int
        FROM found GROUP BY 2
    """,
    "availability": """
        SELECT 'availability', available::text, '', '', count(*)::int FROM found GROUP BY 2
    """,
    "attributes": f"""
        SELECT 'attributes', value, name, '', number FROM (
            SELECT name, attributes ->> name AS value, count(*)::int AS number,
                row_number() OVER (PARTITION BY name ORDER BY count(*) DESC, attributes ->> name)
                    AS place
            FROM found CROSS JOIN names WHERE attributes ->> name IS NOT NULL GROUP BY 1, 2
        ) AS counted WHERE place <= {MAX_VALUES_SHOWN}
    """,
}
Row = tuple[str, str, str, str, int]


@dataclasses.dataclass
class _Question:
    """What to count among the products of some filters; `names` of attributes, else families'."""

    wanted: Wanted
    facets: list[str] = dataclasses.field(default_factory=list)
    names: list[str] = dataclasses.field(default_factory=list)


def facets(wanted: Wanted, text: str | None = None) -> dict[str, Any]:
    """
    Count what is for sale and wanted: in all, and by each thing that it can be narrowed by.

    What a facet itself narrows by is left out of its own counts, so that they say what another
    choice would find; but for tags, of which each one more narrows further. A category counts
    what lies below it too. Of tags and of an attribute's values there are the fifty most
    frequent. Of more than five thousand products the newest five thousand are counted: `is_capped`.
    """
    query = find(products(is_active=True, wanted=wanted), text).query if text else None
    first, *others = (
        _answer(question, query, own=list(wanted.attributes)) for question in _questions(wanted)
    )
    rows = [row for answer in (first, *others) for row in answer]
    return {
        "count": sum(row[4] for row in first if row[0] == "all"),
        "is_capped": any(row[4] >= MAX_COUNTED for row in rows if row[0] == "all"),
        "categories": sorted(_of(rows, "categories", _category), key=lambda each: each["path"]),
        "tags": sorted(_of(rows, "tags", lambda row: {"tag": row[1]}), key=_most_first("tag")),
        "prices": sorted(_of(rows, "prices", _bucket), key=lambda each: each["price_min"]),
        "availability": sorted(
            _of(rows, "availability", lambda row: {"available": row[1] == "true"}),
            key=lambda each: not each["available"],
        ),
        "attributes": _attributes(rows),
    }


def _questions(wanted: Wanted) -> Iterable[_Question]:
    """Ask for all facets at once, but for those whose own filter must be left out."""
    first = _Question(wanted, ["tags", "attributes"])
    asked = [first]
    without = {
        "categories": dataclasses.replace(wanted, category=None),
        "prices": dataclasses.replace(wanted, price_min=None, price_max=None),
        "availability": dataclasses.replace(wanted, is_available=None),
    }
    for facet, others in without.items():
        if others == wanted:
            first.facets.append(facet)
        else:
            asked.append(_Question(others, [facet]))
    for name in wanted.attributes:
        rest = {each: values for each, values in wanted.attributes.items() if each != name}
        narrowed = dataclasses.replace(wanted, attributes=rest)
        asked.append(_Question(narrowed, ["attributes"], [name]))
    return asked


def _answer(question: _Question, query: Query | None, own: list[str]) -> list[Row]:
    rows: Rows = products(is_active=True, wanted=question.wanted)
    shown = ("category_id", "family_id", "tags", "attributes", "price_amount", "available")
    if query:
        rows = rows.filter(matching(query))
    try:
        found, values = rows.order_by("-id")[:MAX_COUNTED].values(*shown).query.sql_with_params()
    except EmptyResultSet:  # a category that isn't there
        return []
    names = _GIVEN_NAMES if question.names else _FAMILIES_NAMES
    counts = " UNION ALL ".join(_COUNTS[facet] for facet in ("all", *question.facets))
    with connection.cursor() as cursor:
        statement = f"{_FOUND.format(found=found, names=names)} {counts}"
        cursor.execute(statement, [*values, question.names or own])
        answer: list[Row] = cursor.fetchall()
    return answer


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


def _attributes(rows: list[Row]) -> list[dict[str, Any]]:
    by_name: dict[str, list[dict[str, Any]]] = {}
    for facet, value, name, _, count in rows:
        if facet == "attributes":
            by_name.setdefault(name, []).append({"value": value, "count": count})
    return [
        {"name": name, "values": sorted(values, key=_most_first("value"))}
        for name, values in sorted(by_name.items())
    ]


def _most_first(name: str) -> Callable[[dict[str, Any]], tuple[int, str]]:
    return lambda each: (-each["count"], each[name])
