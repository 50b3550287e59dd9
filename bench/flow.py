"""What an order costs on its whole way, while five are placed each second."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter

from bench.customers import Customers
from bench.log import INVOICED, EventLog
from bench.processes import Cpu, Seconds, difference
from bench.program import Details, Measurement, Size, main
from bench.report import Figure, Report, Target
from bench.running import RunningShop
from bench.staff import Staff

ORDERS_A_SECOND = 5
IDLE_SECONDS = 10.0
WARM_UP = 15


def measure(shop: RunningShop, report: Report, *, orders: int) -> Details:
    """Place orders steadily; staff packs and delivers each as soon as it may be."""
    customers, staff = Customers(shop), Staff(shop)
    customers.prepare(WARM_UP + orders)
    _run(customers, staff, WARM_UP, report, "warming up")
    shop.until_quiet()
    programs = [name for name in shop.roots() if name != "emulator"]
    cpu = shop.cpu(*programs)
    idle = _idle(cpu)
    shop.requests.taken()
    sizes, before, begun = _sizes(shop), cpu.read(), time.monotonic()
    placed = _run(customers, staff, orders, report, "placing, packing, delivering")
    shop.until_quiet()
    took = time.monotonic() - begun
    spent = difference(cpu.read(), before)
    _tell(report, spent, idle, orders, took)
    left = {what: (size - sizes[what]) / orders for what, size in _sizes(shop).items()}
    requests = shop.requests.taken()
    _tell_left(report, left, requests, orders)
    days = EventLog(shop.database).seconds(placed, INVOICED)
    return {
        "orders": orders,
        "seconds": took,
        "CPU seconds": spent,
        "idle": idle,
        "to end": days,
        "bytes left by an order": left,
        "SQS requests": requests,
    }


def _run(customers: Customers, staff: Staff, orders: int, report: Report, what: str) -> list[str]:
    placed: list[str] = []
    with report.progress(what, orders) as advance:
        working = threading.Thread(target=staff.fulfil, args=(placed, orders, advance), daemon=True)
        working.start()
        begun = time.monotonic()
        for number in range(orders):
            time.sleep(max(0.0, begun + number / ORDERS_A_SECOND - time.monotonic()))
            placed.append(customers.place())
        working.join()
    staff.demand_done()
    return placed


def _idle(cpu: Cpu) -> Seconds:
    """Return the CPU seconds that each program takes in a second in which nobody comes."""
    before, begun = cpu.read(), time.monotonic()
    time.sleep(IDLE_SECONDS)
    took = time.monotonic() - begun
    return {name: each / took for name, each in difference(cpu.read(), before).items()}


def _tell(report: Report, spent: Seconds, idle: Seconds, orders: int, took: float) -> None:
    per_order = 1000 / orders
    parts = {
        name: (spent[name] * per_order, idle[name] * took * per_order, 1000 * idle[name])
        for name in spent
    }
    total = [sum(part[column] for part in parts.values()) for column in range(3)]
    ranked = sorted(parts.items(), key=lambda item: item[1][1] - item[1][0])
    report.rows(
        f"CPU milliseconds per order, at {orders / took:.1f} orders/s",
        ("", "spent", "would be spent idle", "for the order", "idle, per second"),
        [
            (name, busy, quiet, busy - quiet, idle_ms)
            for name, (busy, quiet, idle_ms) in [*ranked, ("all", total)]
        ],
    )
    what = "an order's whole flow at 5 orders/s: CPU of all but the emulator"
    report.add(Figure(what, Target(40, "ms"), total[0] - total[1]))


def _sizes(shop: RunningShop) -> dict[str, int]:
    """Return the bytes of all tables and their indexes: of the log, of the audit, of the rest."""
    query = """
        SELECT
            CASE WHEN relname ~ '^bus_' THEN 'log' WHEN relname ~ '^audit_' THEN 'audit'
            ELSE 'modules' END, sum(pg_total_relation_size(c.oid))::bigint
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE relkind = 'r' AND nspname = 'public' GROUP BY 1
    """
    return dict(shop.database.execute(query).fetchall())


def _tell_left(report: Report, left: dict[str, float], requests: Counter[str], orders: int) -> None:
    report.rows(
        "What an order leaves in PostgreSQL, with indexes",
        ("", "kilobytes"),
        [(what, size / 1000) for what, size in [*left.items(), ("all", sum(left.values()))]],
    )
    asked = sum(requests.values()) - requests["idle polls"]
    report.rows(
        "SQS requests of an order, idle polls apart",
        ("", "an order"),
        [(what, count / orders) for what, count in [*requests.items(), ("but idle polls", asked)]],
    )


MEASUREMENT = Measurement(
    "flow",
    "An order on its whole way: placed, packed, shipped, delivered, invoiced",
    measure,
    {"orders": Size(200, quick=50, help="orders placed")},
)

if __name__ == "__main__":
    sys.exit(main(MEASUREMENT))
