"""How many SQS requests an order costs while a backlog is worked off."""

from __future__ import annotations

import sys
import time

from bench.customers import Customers
from bench.log import CONFIRMED, EventLog
from bench.processes import difference
from bench.program import Details, Measurement, Size, main
from bench.report import Figure, Report, Target
from bench.running import RunningShop

CUSTOMERS = 6


def measure(shop: RunningShop, report: Report, *, orders: int) -> Details:
    """Place orders while relay and workers stand still, then let them go, and count."""
    customers, log = Customers(shop), EventLog(shop.database)
    customers.prepare(orders)
    with shop.standing_still("relay", "worker-*"):
        with report.progress("placing a backlog", orders) as advance:
            placed = customers.place_many(orders, threads=CUSTOMERS, each=advance)
        shop.requests.taken()
    cpu = shop.cpu("relay", "worker-*", "payment_3p", "postgres")
    before, begun = cpu.read(), time.monotonic()
    with report.progress("working it off", orders) as advance:
        log.until(CONFIRMED, placed, tell=advance)
    took = time.monotonic() - begun
    shop.until_quiet()
    spent = difference(cpu.read(), before)
    report.rows(
        "CPU milliseconds per order, with full packs",
        tuple(spent),
        [tuple(1000 * seconds / orders for seconds in spent.values())],
    )
    return {**_tell_requests(report, shop, orders, took), "CPU seconds": spent}


def _tell_requests(report: Report, shop: RunningShop, orders: int, took: float) -> Details:
    counted = shop.requests.taken()
    idle = counted.pop("idle polls", 0)
    rows = [(kind, number, number / orders) for kind, number in counted.most_common()]
    report.rows("SQS requests", ("", "all", "per order"), rows)
    report.say(
        f"{orders:,} orders confirmed in {took:.1f} s: {orders / took:.0f}/s; {idle} idle polls"
    )
    what = f"SQS requests per order while {orders:,} drain"
    report.add(Figure(what, Target(4, "requests"), counted.total() / orders))
    return {"orders": orders, "seconds": took, "requests": counted, "idle polls": idle}


MEASUREMENT = Measurement(
    "backlog",
    "A backlog of orders is worked off",
    measure,
    {"orders": Size(2000, quick=200, help="orders that wait at once")},
)

if __name__ == "__main__":
    sys.exit(main(MEASUREMENT))
