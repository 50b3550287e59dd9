"""Decides what happens to the shop next, and tells it line by line."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from chaos.faults import Fault
from chaos.stack import Stack
from chaos.watch import Strike, Watch

GAP_SECONDS = 8.0  # between a recovered flow and the next fault: the shop is to work in between
PATIENCE_SECONDS = 30.0  # so long the next fault waits for the flow
READY_SECONDS = 60.0

Tell = Callable[[str], None]


class Director:
    """Lets faults happen in turn, then in random order, until the time is over."""

    def __init__(
        self, stack: Stack, watch: Watch, faults: Sequence[Fault], tell: Tell, *, seed: int
    ) -> None:
        self._stack, self._watch, self._faults, self._tell = stack, watch, faults, tell
        self._dice = random.Random(seed)

    def run(self, seconds: float) -> None:
        """Let faults happen for so long; the one that is under way is ended."""
        deadline = time.monotonic() + seconds
        for fault in self._order():
            self._stack.pause(GAP_SECONDS)
            if time.monotonic() > deadline:
                break
            self._let_happen(fault)
        done = {strike.fault.name for strike in self._watch.strikes}
        if missing := [fault.name for fault in self._faults if fault.name not in done]:
            self._tell(f"no time was left for: {', '.join(missing)}")

    def _order(self) -> Iterator[Fault]:
        yield from self._faults
        while True:
            yield from self._dice.sample(self._faults, len(self._faults))

    def _let_happen(self, fault: Fault) -> None:
        self._stack.until(lambda: self._stack.pid(fault.program) is not None, READY_SECONDS)
        strike = None
        try:
            fault.prepare(self._stack)
            strike = self._watch.begin(fault)
            strike.outcome = fault.strike(self._stack)
        except (BotoCoreError, ClientError) as failure:  # an earlier fault is not over
            self._tell(f"{fault.name}: not now, the queues are away ({type(failure).__name__})")
        if strike:
            self._stack.until(lambda: strike.flows_at is not None, PATIENCE_SECONDS)
            self._tell(_line(strike))


def _line(strike: Strike) -> str:
    flows = strike.flows_after
    text = f"flows after {flows:.1f} s" if flows else f"no order for {PATIENCE_SECONDS:.0f} s"
    remark = f" · {strike.outcome.remark}" if strike.outcome.remark else ""
    return f"{strike.fault.name:<30} {strike.in_flight:>3} in flight, {text}{remark}"
