"""What clients asked for and were promised: an answer 2xx is a promise."""

from __future__ import annotations

import dataclasses
import enum
import threading
import time
from collections import Counter
from collections.abc import Collection


class Kind(enum.Enum):
    """What a client wants with an order."""

    PLAIN = "plain"
    DECLINED = "declined card"
    BROKEN = "gateway answers 500"  # after doing the work
    SCARCE = "scarce goods"
    CANCELLED = "cancelled soon"


@dataclasses.dataclass(eq=False)
class Ask:
    """One order that a client wants, under one key. Times are of the monotonic clock."""

    key: str
    kind: Kind
    asked_at: float
    token: str = ""  # the payment's: the shop keeps it, whatever it does with the key
    order_id: str = ""  # promised
    refusal: str = ""  # answered no, with this code
    is_cancelled: bool = False  # a cancellation was promised
    answered_at: float | None = None
    settled_at: float | None = None  # seen to be neither on its way to the shop nor undecided

    @property
    def is_settled(self) -> bool:
        """Whether the shop has decided: confirmed, cancelled, or refused from the first."""
        return self.settled_at is not None


class Ledger:
    """All that was asked and promised; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asks: dict[str, Ask] = {}
        self._unsettled: dict[str, Ask] = {}
        self.packed: set[str] = set()
        self.delivered: set[str] = set()
        self.returned: set[str] = set()
        self.stocked: Counter[str] = Counter()  # units by product
        self.repeats = 0

    @property
    def asks(self) -> list[Ask]:
        """Every order that was asked for, in order."""
        with self._lock:
            return list(self._asks.values())

    @property
    def unsettled(self) -> list[Ask]:
        """The orders that are on their way to the shop, or undecided there."""
        with self._lock:
            return list(self._unsettled.values())

    @property
    def unanswered(self) -> int:
        """How many orders have no answer yet."""
        return sum(ask.answered_at is None for ask in self.unsettled)

    def ask(self, key: str, kind: Kind) -> Ask:
        """Note that a client wants an order from now on."""
        ask = Ask(key, kind, time.monotonic())
        with self._lock:
            self._asks[key] = self._unsettled[key] = ask
        return ask

    def promise(self, ask: Ask, order_id: str) -> None:
        """Note that the shop took the order."""
        ask.order_id, ask.answered_at = order_id, time.monotonic()

    def refuse(self, ask: Ask, code: str) -> None:
        """Note that the shop said no."""
        ask.refusal, ask.answered_at = code, time.monotonic()
        self.settle([ask])

    def settle(self, asks: Collection[Ask]) -> None:
        """Note that the shop has decided."""
        now = time.monotonic()
        with self._lock:
            for ask in asks:
                ask.settled_at = now
                self._unsettled.pop(ask.key, None)

    def repeated(self) -> None:
        """Count a request that had to be sent again."""
        with self._lock:
            self.repeats += 1
