"""How long a customer waits from placed to confirmed when nobody else is there."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence

from bench.customers import Customers
from bench.log import CONFIRMED, EventLog, Hop
from bench.program import Details, Measurement, Size, main
from bench.report import Advance, Figure, Report, Target
from bench.running import RunningShop

WARM_UP = 20


def measure(shop: RunningShop, report: Report, *, orders: int) -> Details:
    """Place one order after another, each when the one before is confirmed."""
    customers, log = Customers(shop), EventLog(shop.database)
    customers.prepare(WARM_UP + orders)
    with report.progress("one at a time", WARM_UP + orders) as advance:
        placed = [_one(customers, log, advance) for _ in range(WARM_UP + orders)][WARM_UP:]
    milliseconds = [1000 * seconds for seconds in log.seconds(placed, CONFIRMED)]
    hops = log.hops(placed, CONFIRMED)
    _tell_hops(report, hops)
    p99 = milliseconds[int(0.99 * (len(milliseconds) - 1))]
    report.add(Figure("placed → confirmed, p50", Target(60, "ms"), statistics.median(milliseconds)))
    report.add(Figure("placed → confirmed, p99", Target(250, "ms"), p99))
    return {"milliseconds": milliseconds, "hops": hops}


def _one(customers: Customers, log: EventLog, advance: Advance) -> str:
    order = customers.place()
    log.until(CONFIRMED, [order], every=0.002)
    advance()
    return order


def _tell_hops(report: Report, hops: Mapping[str, Sequence[Hop]]) -> None:
    rows = []
    for name, found in hops.items():
        parts = {part: [getattr(hop, part) for hop in found] for part in _PARTS}
        rows.append((name, len(found), *map(statistics.median, parts.values())))
    report.rows(
        "Where the time goes: medians in milliseconds, along the way that was the last to end",
        ("hop", "orders", "in the outbox", "sent → begun", "in the handler"),
        rows,
    )


_PARTS = ("waited", "travelled", "worked")

MEASUREMENT = Measurement(
    "latency",
    "From placed to confirmed, one order at a time",
    measure,
    {"orders": Size(300, quick=60, help="orders placed")},
)

if __name__ == "__main__":
    sys.exit(main(MEASUREMENT))
