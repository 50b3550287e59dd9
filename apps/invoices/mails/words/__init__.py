"""What mails say, a file for each language."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError

LANGUAGES = ("en", "de", "fr")
_Catalogue = dict[str, dict[str, Any]]


class Words:
    """The phrases of one language, and the locale in which it writes money and days."""

    def __init__(self, locale: str) -> None:
        self.locale = _known(locale)
        self.language = self.locale.language
        self._catalogue = _catalogue(self.language)

    def say(self, part: str, name: str, /, **filled: object) -> str:
        """Return a phrase with what is filled in; KeyError if there is none."""
        phrase: str = self._catalogue[part][name]
        return phrase.format(**filled)

    def paragraphs(self, part: str, /, **filled: object) -> tuple[str, ...]:
        """Return the text of a kind of mail."""
        return tuple(paragraph.format(**filled) for paragraph in self._catalogue[part]["text"])


@functools.cache
def _catalogue(language: str) -> _Catalogue:
    text = Path(__file__).with_name(f"{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _known(tag: str) -> Locale:
    """Return the reader's locale, or English if its language has no words here."""
    try:
        locale = Locale.parse(tag.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return Locale("en")
    return locale if locale.language in LANGUAGES else Locale("en")
