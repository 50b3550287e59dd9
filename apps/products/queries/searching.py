"""Full text: which products a text finds, how well, and where."""

from __future__ import annotations

import dataclasses
import re
import uuid
from collections.abc import Iterator
from typing import Any

from django.contrib.postgres.search import (
    CombinedSearchQuery,
    SearchHeadline,
    SearchQuery,
    SearchRank,
    SearchVectorExact,
)
from django.db.models import (
    F,
    FloatField,
    Func,
    IntegerField,
    Q,
    QuerySet,
    TextField,
    Value,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast

from apps.products.models import LANGUAGE, Product, Word, words_of

Rows = QuerySet[Product, dict[str, Any]]
Query = SearchQuery | CombinedSearchQuery

# A word may be in half of a million products. To rank them all would take seconds: the best are
# sought among the newest of those that match.
MAX_RANKED = 1_000
# Asked for so many, PostgreSQL doesn't read all that is for sale from the newest on, in the hope to
# come soon upon what matches, unless that is much: of a word that it has no statistics of it
# expects up to two thousand matches, be there none.
_MAX_READ = 2_000
# What no text has, since it can't be written; taken out of texts that have it all the same.
BEGIN, END = "\x02", "\x03"
_EXACT = re.compile(r'"|(^|\s)-|\bor\b', re.IGNORECASE)
_BEGINNING = re.compile(r"[^\W_]{3,}$")
_FOR_SALE: QuerySet[Product, Any] = Product.objects.filter(is_active=True).values("id")


@dataclasses.dataclass(frozen=True)
class Found:
    """What of the rows answers to a text, and how the text was understood."""

    rows: Rows
    query: Query
    newest: list[uuid.UUID]

    def best(self) -> Rows:
        """
        Return the newest thousand, each with its `relevance` and with what of it answers.

        `relevance` is a whole number, so that a cursor can hold it.
        """
        rank = SearchRank(F("search"), self.query) * Value(1e6, FloatField())
        # One value, not a thousand: Django takes longer over those than PostgreSQL over the rows.
        newest = RawSQL("SELECT unnest(%s::uuid[])", [self.newest])
        rows = self.rows.filter(id__in=newest)
        return self._marked(rows.annotate(relevance=Cast(rank, IntegerField())))

    def all(self) -> Rows:
        """Return them all, each with what of it answers."""
        return self._marked(self.rows.filter(matching(self.query)))

    def _marked(self, rows: Rows) -> Rows:
        # PostgreSQL does what is dear after it has chosen a page's rows: for those alone.
        return rows.annotate(
            marked_name=_headline("name", self.query, highlight_all=True),
            marked_description=_headline(
                "description", self.query, max_fragments=2, max_words=30, min_words=10
            ),
        )


def find(rows: Rows, text: str) -> Found:
    """
    Find the rows that answer to a text, in the first of its readings that answers at all.

    As it stands; with its last word as the beginning of one; and with each word replaced by those
    of products' names that are spelt much like it. Who writes `-word`, `or` or quotation marks
    means it exactly. It is answered if anything for sale answers, be it none of these rows.
    """
    for query in _readings(text):
        if (newest := _newest(rows, query)) or _newest(_FOR_SALE, query):
            return Found(rows, query, newest)
    return Found(rows, _as_it_stands(text), [])


def _readings(text: str) -> Iterator[Query]:
    yield _as_it_stands(text)
    if _EXACT.search(text):
        return
    if last := _BEGINNING.search(text):
        beginning = SearchQuery(f"'{last[0]}':*", config=LANGUAGE, search_type="raw")
        before = text[: last.start()]
        yield _as_it_stands(before) & beginning if before.strip() else beginning
    if mended := _mended(text):
        yield SearchQuery(mended, config=LANGUAGE, search_type="raw")


def _as_it_stands(text: str) -> SearchQuery:
    return SearchQuery(text, config=LANGUAGE, search_type="websearch")


def _mended(text: str) -> str:
    """Return the text with words that there are; nothing if no word is like any."""
    known = Word.nearest(words_of(text))
    if not any(known.values()):
        return ""
    choices = []
    for word in re.findall(r"[^\W_]+", text.lower()):
        near = known.get(word) or [word]
        choices.append([word] if word in near else near)
    return " & ".join("('" + "' | '".join(each) + "')" for each in choices)


def _newest(rows: QuerySet[Product, Any], query: Query) -> list[uuid.UUID]:
    found = rows.filter(matching(query)).order_by("-id").values_list("id", flat=True)
    return list(found[:_MAX_READ])[:MAX_RANKED]


def matching(query: Query) -> Q:
    """Return the condition that a product answers."""
    return Q(SearchVectorExact(F("search"), query))


def _headline(field: str, query: Query, **options: Any) -> SearchHeadline:
    plain = Func(F(field), Value(BEGIN + END), Value(""), function="translate")
    plain.output_field = TextField()
    return SearchHeadline(plain, query, config=LANGUAGE, start_sel=BEGIN, stop_sel=END, **options)
