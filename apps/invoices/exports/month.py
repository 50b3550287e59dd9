"""A month, and what was issued in it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from typing import Self

from apps.invoices import queries
from apps.invoices.models import CreditNote, Invoice


@dataclasses.dataclass(frozen=True, order=True)
class Month:
    """A month of the years that dates can have: `Month.parse("2026-03")`."""

    first: dt.date

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Return the month that is written so.

        :raises ValueError: if there is none.
        """
        return cls(dt.date.fromisoformat(f"{text}-01"))

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"

    @property
    def until(self) -> dt.date:
        """The first day that is not in it any more."""
        return (self.first + dt.timedelta(days=31)).replace(day=1)

    def documents(self) -> Iterator[Invoice | CreditNote]:
        """Yield what was issued, invoices first, each kind by its number."""
        notes = CreditNote.objects.select_related("invoice")
        yield from queries.issued(Invoice.objects.all(), since=self.first, before=self.until)
        yield from queries.issued(notes, since=self.first, before=self.until)
