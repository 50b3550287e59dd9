"""What a gateway's own books say was done: for reconciliation."""

from __future__ import annotations

import dataclasses
import datetime as dt


@dataclasses.dataclass(frozen=True)
class BookEntry:
    """One thing that the gateway did."""

    id: str  # the gateway's own name of the entry
    reference: str  # the id of the wish, if it was one of ours
    token: str
    kind: str  # one of models.Kind
    amount: int
    currency: str
    fee: int | None  # what the gateway kept; None if it doesn't tell
    made_at: dt.datetime
    payment_reference: str = ""  # what the gateway calls the payment, if it has a name for it


@dataclasses.dataclass(frozen=True)
class BooksPage:
    """Some entries of a day; `after` leads to the next page, and is empty on the last."""

    entries: tuple[BookEntry, ...]
    after: str = ""
