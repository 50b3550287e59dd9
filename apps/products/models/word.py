"""Words of products' names, by which a slip in a search is mended."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.contrib.postgres.indexes import GinIndex
from django.db import connection, models

MAX_WORD = 40
_WORD = re.compile(r"[^\W_]{4,}")
NEAREST = """
SELECT asked, ARRAY(
    SELECT word FROM products_word WHERE word %% asked
    ORDER BY similarity(word, asked) DESC, word LIMIT 3
)
FROM unnest(%s::text[]) AS each (asked)
"""


class Word(models.Model):
    """
    A word that the name of a product has, or had; one of four letters at least.

    There are thousands of words where there are a million names, so that what is spelt much like
    another is found here and not there.
    """

    word = models.CharField(max_length=MAX_WORD, primary_key=True)

    class Meta:
        indexes = (
            GinIndex(fields=["word"], name="products_word_alike", opclasses=["gin_trgm_ops"]),
        )

    def __str__(self) -> str:
        return self.word

    @classmethod
    def learn(cls, name: str) -> None:
        """Remember the words of a name."""
        # In one order: of two who learn the same words at once, none waits for the other in turn.
        words = sorted({word[:MAX_WORD] for word in words_of(name)})
        if words:
            rows = (Word(word=word) for word in words)
            Word.objects.bulk_create(rows, ignore_conflicts=True)

    @classmethod
    def nearest(cls, words: Iterable[str]) -> dict[str, list[str]]:
        """Return for each word those that are spelt much like it, the three nearest first."""
        with connection.cursor() as cursor:
            cursor.execute(NEAREST, [list(words)])
            return dict(cursor.fetchall())


def words_of(text: str) -> list[str]:
    """Return the words of a text that are long enough to have a slip in them, in small letters."""
    return _WORD.findall(text.lower())
