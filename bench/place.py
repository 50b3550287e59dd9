"""What an order of three lines costs when it is placed: CPU of web and database."""

from __future__ import annotations

import sys

from bench.customers import Customers
from bench.processes import difference
from bench.program import Details, Measurement, Size, main
from bench.report import Figure, Report, Target
from bench.running import COURIERS, RunningShop

WARM_UP, CAPTURED = 60, 3


def measure(shop: RunningShop, report: Report, *, orders: int) -> Details:
    """Place orders while all else stands still, then send the same SQL without a shop."""
    customers = Customers(shop)
    customers.prepare(WARM_UP + orders + CAPTURED)
    with shop.standing_still(*COURIERS, "payment_3p"):
        customers.place_many(WARM_UP, threads=8)
        cpu = shop.cpu("web", "postgres")
        before = cpu.read()
        with report.progress("placing orders", orders) as advance:
            customers.place_many(orders, threads=2, each=advance)
        spent = difference(cpu.read(), before)
        raw = _raw(shop, customers, orders)
    _tell(report, {name: 1000 * seconds / orders for name, seconds in spent.items()}, raw)
    return {"orders": orders, "CPU seconds": spent, "same SQL": raw}


def _raw(shop: RunningShop, customers: Customers, orders: int) -> dict[str, dict[str, float]]:
    return shop.ask(
        "bench.inside.raw_sql",
        asked={
            "bodies": [customers.body() for _ in range(CAPTURED)],
            "authorization": customers.client.authorization,
            "orders": orders,
            "postmaster": shop.roots("postgres")["postgres"],
        },
    )


def _tell(report: Report, spent: dict[str, float], raw: dict[str, dict[str, float]]) -> None:
    ours, theirs = sum(spent.values()), sum(raw["raw"].values())
    rows = [
        ("POST /orders", spent["web"], spent["postgres"], ours),
        *(
            (title, *raw[key].values(), sum(raw[key].values()))
            for title, key in (
                ("same SQL by raw psycopg", "raw"),
                ("same SQL, bound by the client as Django does", "as Django binds"),
            )
        ),
    ]
    report.rows("CPU milliseconds per order", ("", "client", "database", "together"), rows)
    report.say(f"{len(raw['statements'])} statements in one transaction")
    what = "POST /orders, 3 lines: CPU of web + database"
    report.add(Figure(what, Target(8, "ms"), ours))
    baseline = f"{theirs:.2f} ms by raw psycopg"
    report.add(Figure("… against the same SQL", Target(4, "times"), ours / theirs, baseline))


MEASUREMENT = Measurement(
    "place",
    "Placing an order",
    measure,
    {"orders": Size(800, quick=150, help="orders placed")},
)

if __name__ == "__main__":
    sys.exit(main(MEASUREMENT))
