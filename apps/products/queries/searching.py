"""Full text: which products a text finds, how well, and where."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.postgres.lookups import TrigramWordSimilar
from django.contrib.postgres.search import (
    SearchHeadline,
    SearchQuery,
    SearchRank,
    SearchVectorExact,
    TrigramWordSimilarity,
)
from django.db.models import (
    Case,
    F,
    FloatField,
    Func,
    IntegerField,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast

from apps.products.models import LANGUAGE, Product

Rows = QuerySet[Product, dict[str, Any]]

# What no text has, since it can't be written; taken out of texts that have it all the same.
BEGIN, END = "\x02", "\x03"
_EXACT = re.compile(r'"|(^|\s)-|\bor\b', re.IGNORECASE)


def find(rows: Rows, text: str) -> Rows:
    """
    Return the rows whose words match the text, or whose name is much like it.

    Who writes `-word`, `or` or quotation marks means it exactly.
    """
    if _EXACT.search(text):
        return rows.filter(_matches(text))
    return rows.filter(_matches(text) | Q(TrigramWordSimilar(F("name"), Value(text))))


def rank(rows: Rows, text: str) -> Rows:
    """
    Add how well each row answers to the text, and where.

    `relevance` is a whole number, so that a cursor can hold it: what matches comes before what
    is only alike.
    """
    rank_of = SearchRank(F("search"), _query(text))
    return rows.annotate(
        relevance=Case(When(_matches(text), then=10_000_000), default=0)
        + Cast(rank_of * Value(1e6, FloatField()), IntegerField())
        + Cast(TrigramWordSimilarity(text, "name") * Value(1e3, FloatField()), IntegerField()),
        marked_name=_headline("name", text, highlight_all=True),
        marked_description=_headline(
            "description", text, max_fragments=2, max_words=30, min_words=10
        ),
    )


def _query(text: str) -> SearchQuery:
    return SearchQuery(text, config=LANGUAGE, search_type="websearch")


def _matches(text: str) -> Q:
    return Q(SearchVectorExact(F("search"), _query(text)))


def _headline(field: str, text: str, **options: Any) -> SearchHeadline:
    plain = Func(F(field), Value(BEGIN + END), Value(""), function="translate")
    plain.output_field = TextField()
    return SearchHeadline(
        plain, _query(text), config=LANGUAGE, start_sel=BEGIN, stop_sel=END, **options
    )
