"""What the processes hold in memory, and whether it grows with the orders."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence

from bench.customers import Customers
from bench.log import CONFIRMED, EventLog
from bench.processes import MEGABYTE, Memory, memory_by_process
from bench.program import Details, Measurement, Size, main
from bench.report import Figure, Report, Target
from bench.running import RunningShop

CUSTOMERS = 4
SAMPLES = 20
FAR = 100_000  # orders that the target speaks of
ENOUGH = 1_000  # orders from which on a growth can be told from what a process fetches at first
LIMIT = Target(150, "MB")
PROGRAMS = ("web", "worker-*", "relay", "scheduler")

Samples = Mapping[str, Sequence[tuple[int, Memory]]]
"""What each process held after so many orders."""


def measure(shop: RunningShop, report: Report, *, orders: int) -> Details:
    """Place orders, wait for them now and then, and look at every process each time."""
    customers, log = Customers(shop), EventLog(shop.database)
    samples: dict[str, list[tuple[int, Memory]]] = {}
    part = max(1, orders // SAMPLES)
    with report.progress("placing orders", orders) as advance:
        for done in range(0, orders, part):
            customers.prepare(part)
            log.until(CONFIRMED, customers.place_many(part, threads=CUSTOMERS, each=advance))
            for name, memory in memory_by_process(shop.roots(*PROGRAMS)).items():
                samples.setdefault(name, []).append((done + part, memory))
    _tell(report, samples, orders)
    return {"orders": orders, "samples": samples}


def _tell(report: Report, samples: Samples, orders: int) -> None:
    rows = []
    for name, found in samples.items():
        first, last = found[0][1], found[-1][1]
        rows.append((name, *map(_mb, (first.pss, last.pss, last.rss)), _slope(found)))
    report.rows(
        f"Megabytes by process, over {orders:,} orders",
        ("", "PSS, first", "PSS, last", "RSS, last", "KB per 1,000 orders"),
        rows,
    )
    for kind in ("web", "worker"):
        of_kind = {name: found for name, found in samples.items() if name.startswith(kind)}
        rss, pss = (_largest(of_kind, part) for part in ("rss", "pss"))
        shared = f"{rss:.0f} MB with what it shares"
        report.add(Figure(f"memory of a {kind} process (PSS)", LIMIT, pss, shared))
        if orders >= ENOUGH:
            grown = max(_mb(f[-1][1].pss + _slope(f) * FAR) for f in of_kind.values())
            report.add(Figure(f"… {FAR:,} orders later, growing as now", LIMIT, grown))


def _largest(samples: Samples, part: str) -> float:
    return max(_mb(getattr(memory, part)) for found in samples.values() for _, memory in found)


def _slope(found: Sequence[tuple[int, Memory]]) -> float:
    """Return how PSS grows over the second half, in KB per 1,000 orders."""
    late = found[len(found) // 2 :]
    if len(late) < 2:
        return 0.0
    orders, bytes_ = zip(*((done, memory.pss) for done, memory in late), strict=True)
    return statistics.linear_regression(orders, bytes_).slope


def _mb(bytes_: float) -> float:
    return bytes_ / MEGABYTE


MEASUREMENT = Measurement(
    "memory",
    "Memory of each process",
    measure,
    {"orders": Size(2_000, quick=200, full=20_000, help="orders placed")},
)

if __name__ == "__main__":
    sys.exit(main(MEASUREMENT))
