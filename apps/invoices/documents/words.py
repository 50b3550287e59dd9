"""What documents say, in each language, and how it writes days, money and countries."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Self

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import get_currency_symbol
from pydantic import BaseModel, ConfigDict

from apps.invoices.documents.characters import settable
from apps.invoices.models import Issued, Language
from kernel.money import display

_WORDS = Path(__file__).parents[1] / "templates" / "words"


class Words(BaseModel):
    """All labels of a language: a file that lacks one, or has one too many, is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    invoice: str
    credit_note: str
    invoice_number: str
    credit_note_number: str
    date: str
    order: str
    paid: str
    delivered: str
    billed_to: str
    erased: str
    item: str
    quantity: str
    tax: str
    vat: str
    unit_price: str
    amount: str
    goods: str
    delivery: str
    discount: str
    total: str
    refund: str
    total_credited: str
    tax_included: str
    tax_added: str
    untaxed: str
    net: str
    gross: str
    paid_in_full: str
    paid_back: str
    vat_number: str
    tax_number: str
    register_number: str
    email: str
    page: str

    @classmethod
    def read(cls, language: Language) -> Self:
        """Return the words of a language, from its file."""
        return cls(**tomllib.loads((_WORDS / f"{language}.toml").read_text("utf-8")))


WORDS = {language: Words.read(language) for language in Language}


class Tongue:
    """A document's words, and how it writes days and amounts: by the locale of its customer."""

    def __init__(self, issued: Issued) -> None:
        self.language = Language.of(issued.locale)
        self.words = WORDS[self.language]
        self._locale = _locale(issued.locale, self.language)
        self._currency = issued.currency
        self._sign = get_currency_symbol(issued.currency, self._locale)

    def day(self, day: dt.date) -> str:
        """Write a day: `1 March 2026`."""
        return str(format_date(day, "long", locale=self._locale))

    def money(self, amount: int) -> str:
        """Write an amount of the document's currency, by its code if its sign can't be set."""
        sign = self._sign
        text = display(amount, self._currency, str(self._locale)).replace("-", "\N{MINUS SIGN}")
        is_settable = settable(sign) == sign
        return text if is_settable else text.replace(sign, f"{self._currency}\xa0")

    def percent(self, rate: str) -> str:
        """Write a rate: `5.5 %`, where a comma is usual `5,5 %`."""
        return rate.replace(".", self._locale.number_symbols["latn"]["decimal"]) + "\xa0%"

    def tax(self, name: str) -> str:
        """Write a tax's name: the English word, which it has until staff give it another."""
        return self.words.vat if name == WORDS[Language.ENGLISH].vat else name

    def country(self, code: str) -> str:
        """Write a country's name."""
        return str(self._locale.territories.get(code, code))


def _locale(tag: str, language: Language) -> Locale:
    """Return the customer's region of the language, or the language as it is usual in Europe."""
    # Plain English would be America's, where the month stands before the day.
    fallback = Locale.parse("en_GB" if language is Language.ENGLISH else str(language))
    try:
        found = Locale.parse(tag.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return fallback
    return found if found.language == language and found.territory else fallback
