"""Watches the shop while it is hurt: which orders wait, how long it takes until none does."""

from __future__ import annotations

import dataclasses
import time

import psycopg

from chaos.faults import Fault, Outcome
from chaos.ledger import Ask, Kind, Ledger
from chaos.stack import Stack
from chaos.threads import Threads

LOOK_SECONDS = 0.2
LATE_SECONDS = 5.0  # an order that waits for longer was delayed by something that came before
_UNDECIDED = "SELECT id::text FROM orders_order WHERE state = 'PLACED'"
_OPEN = """
SELECT count(*) FROM orders_order
WHERE state NOT IN ('FULFILLED', 'CANCELLED', 'PACKAGING_FAILED', 'DELIVERY_FAILED')
"""
# Those whose way is short while all is well: the others would tell of themselves.
_TELLING = frozenset({Kind.PLAIN, Kind.DECLINED, Kind.SCARCE})


@dataclasses.dataclass
class Strike:
    """One fault that happened, and how the shop came out of it. Times are monotonic."""

    fault: Fault
    at: float
    process: int | None
    in_flight: int
    touched: list[Ask]  # orders that were under way, and those that came before it worked again
    outcome: Outcome = dataclasses.field(default_factory=Outcome)
    runs_at: float | None = None  # the program had a process again
    flows_at: float | None = None  # the first order that came afterwards was decided
    recovered_at: float | None = None  # and so were all that it touched

    @property
    def flows_after(self) -> float | None:
        """Seconds until orders were decided again."""
        return self.flows_at and self.flows_at - self.at

    @property
    def recovered_after(self) -> float | None:
        """Seconds until no order waited any more that it had touched."""
        return self.recovered_at and self.recovered_at - self.at


class Watch:
    """Looks at the shop several times a second, in a thread of its own."""

    def __init__(self, stack: Stack, ledger: Ledger, threads: Threads) -> None:
        self._stack, self._ledger, self._threads = stack, ledger, threads
        self._database: psycopg.Connection | None = None
        self.open = 0
        self.strikes: list[Strike] = []

    def begin(self, fault: Fault) -> Strike:
        """Note that a fault happens now."""
        now = time.monotonic()
        touched = [ask for ask in self._ledger.unsettled if ask.asked_at > now - LATE_SECONDS]
        in_flight = self.open + self._ledger.unanswered
        strike = Strike(fault, now, self._stack.pid(fault.program), in_flight, touched)
        self.strikes.append(strike)
        return strike

    def run(self) -> None:
        """Look until the run ends."""
        while True:
            self.look()
            self._threads.pause(LOOK_SECONDS)

    def look(self) -> None:
        """Find out which orders are decided, and which faults are thereby over."""
        begun = time.monotonic()
        try:
            undecided, self.open = self._ask()
        except psycopg.Error:
            self._database = None
            return
        settled = [
            ask
            for ask in self._ledger.unsettled
            if ask.answered_at and ask.answered_at < begun and ask.order_id not in undecided
        ]
        self._ledger.settle(settled)
        for strike in self.strikes:
            if strike.recovered_at is None:
                self._follow(strike, time.monotonic())

    def _ask(self) -> tuple[set[str], int]:
        if self._database is None or self._database.closed:
            self._database = self._stack.connect()
        undecided = {order_id for (order_id,) in self._database.execute(_UNDECIDED)}
        row = self._database.execute(_OPEN).fetchone()
        return undecided, row[0] if row else 0

    def _follow(self, strike: Strike, now: float) -> None:
        asks = self._ledger.asks
        if strike.runs_at is None and self._runs_again(strike):
            strike.runs_at = now
        if strike.flows_at is None:
            later = [ask for ask in asks if ask.asked_at > strike.at and ask.kind in _TELLING]
            if any(ask.is_settled for ask in later):
                strike.flows_at = now
                strike.touched += [ask for ask in later if ask.asked_at < now]
        is_over = strike.runs_at and strike.flows_at
        if is_over and all(a.is_settled for a in strike.touched if a.kind in _TELLING):
            strike.recovered_at = now

    def _runs_again(self, strike: Strike) -> bool:
        process = self._stack.pid(strike.fault.program)
        is_new = process is not None and process != strike.process
        return is_new or strike.fault.is_survived
