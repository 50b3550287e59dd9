"""A burst: more orders at once than can be worked off; none is lost, and memory is bounded."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import threading
import time
from collections.abc import Iterator

from bench.customers import Customers
from bench.log import CONFIRMED, EventLog
from bench.processes import MEGABYTE, Memory, memory_by_process, memory_by_program
from bench.program import Details, Measurement, Size, main
from bench.report import Figure, Report, Target
from bench.running import RunningShop

CUSTOMERS = 8  # as many as the web processes have threads
LOOK_SECONDS, TELL_SECONDS = 1.0, 5.0
QUIET_SECONDS = 600.0
# What PostgreSQL and the emulator hold is told, but they are no processes of ours.
OURS, OTHERS = ("web", "worker-*", "relay", "scheduler"), ("postgres", "emulator", "payment_3p")
_SAID = "SELECT count(*) FROM bus_outbox WHERE name = %s AND recorded_at >= %s"
_OPEN = "SELECT count(*) FROM bus_delivery WHERE state NOT IN ('RECOVERED', 'DISCARDED')"


def measure(shop: RunningShop, report: Report, *, orders: int) -> Details:
    """Let customers order as fast as they can, and watch until all is worked off."""
    customers, log = Customers(shop), EventLog(shop.database)
    customers.prepare(orders)
    watch = _Watch(shop, report)
    with watch.running():
        placed = customers.place_many(orders, threads=CUSTOMERS, each=watch.accept)
        accepting = watch.seconds
        log.until(CONFIRMED, placed, every=0.5)
        confirming = watch.seconds
        shop.until_quiet(QUIET_SECONDS)
    report.say(
        f"accepted {orders / accepting:.0f}/s, confirmed {orders / confirming:.0f}/s;"
        f" all was quiet after {watch.seconds:.0f} s; the deepest backlog: {watch.deepest}"
    )
    _tell_memory(report, watch, orders)
    lost = orders - len(log.seconds(placed, CONFIRMED))
    lost += shop.backlog.dead() + int(shop.database.execute(_OPEN).fetchone()[0])  # type: ignore[index]
    report.add(Figure(f"a burst of {orders:,}: lost, dead or open", Target(0, "orders"), lost))
    return {
        "orders": orders,
        "seconds": {"accepting": accepting, "confirming": confirming, "quiet": watch.seconds},
        "deepest backlog": watch.deepest,
        "memory": {"peaks": watch.peaks, "at the end": watch.last},
    }


@dataclasses.dataclass(frozen=True)
class Depth:
    """What waits at one moment, or the most that ever did."""

    orders: int = 0  # placed and not confirmed
    unsent: int = 0  # events in the outbox
    messages: int = 0  # in the queues, each with up to 25 events

    def __str__(self) -> str:
        return (
            f"{self.orders:,} orders, {self.unsent:,} events in the outbox,"
            f" {self.messages:,} messages in the queues"
        )

    def deeper(self, other: Depth) -> Depth:
        """Return the larger of each figure."""
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Depth(*(max(pair) for pair in pairs))


class _Watch:
    """Looks at backlog and memory once a second, and tells of it now and then."""

    def __init__(self, shop: RunningShop, report: Report) -> None:
        self._shop, self._report = shop, report
        self._begun, self._told_at = time.monotonic(), 0.0
        self._begun_at = shop.database.execute("SELECT now()").fetchone()[0]  # type: ignore[index]
        self._accepted, self._lock, self._is_over = 0, threading.Lock(), threading.Event()
        self.deepest = Depth()
        self.peaks: dict[str, Memory] = {}
        self.last: dict[str, Memory] = {}

    @property
    def seconds(self) -> float:
        """How long it has been watching."""
        return time.monotonic() - self._begun

    def accept(self) -> None:
        """Count an order that was answered 201."""
        with self._lock:
            self._accepted += 1

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Watch, in a thread, while the block runs."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            thread.join()

    def _run(self) -> None:
        while not self._is_over.is_set():
            self._look()
            self._is_over.wait(LOOK_SECONDS)
        self._look()

    def _look(self) -> None:
        accepted, backlog = self._accepted, self._shop.backlog
        said = self._shop.database.execute(_SAID, [CONFIRMED, self._begun_at]).fetchone()
        confirmed = int(said[0]) if said else 0
        depth = Depth(max(0, accepted - confirmed), backlog.unsent(), backlog.queued())
        self.deepest = self.deepest.deeper(depth)
        ours = memory_by_process(self._shop.roots(*OURS))
        self.last = {**ours, **memory_by_program(self._shop.roots(*OTHERS))}
        for name, memory in self.last.items():
            self.peaks[name] = memory.peak(self.peaks.get(name, memory))
        if self.seconds > self._told_at + TELL_SECONDS:
            self._told_at = self.seconds
            largest = max(memory.pss for memory in ours.values()) / MEGABYTE
            self._report.say(
                f"{accepted:,} accepted, {confirmed:,} confirmed; waiting: {depth};"
                f" largest process {largest:.0f} MB"
            )


def _tell_memory(report: Report, watch: _Watch, orders: int) -> None:
    rows = [
        (name, *(each / MEGABYTE for each in (peak.pss, peak.rss, watch.last[name].pss)))
        for name, peak in watch.peaks.items()
        if name in watch.last
    ]
    report.rows("Megabytes", ("", "PSS, peak", "RSS, peak", "PSS, at the end"), rows)
    judged = [peak for name, peak in watch.peaks.items() if name.startswith(("web", "worker"))]
    largest, shared = (
        max(each) / MEGABYTE for each in zip(*map(dataclasses.astuple, judged), strict=True)
    )
    what = f"a burst of {orders:,}: largest web or worker process (PSS)"
    report.add(Figure(what, Target(150, "MB"), largest, f"{shared:.0f} MB with what it shares"))


MEASUREMENT = Measurement(
    "burst",
    "A burst of orders",
    measure,
    {"orders": Size(1_000, quick=200, full=10_000, help="orders placed")},
)

if __name__ == "__main__":
    sys.exit(main(MEASUREMENT))
