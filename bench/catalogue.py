"""What a list of 24 products costs, beside one that the usual means would make."""

from __future__ import annotations

import sys

from bench.client import Client
from bench.processes import Seconds, difference
from bench.program import Details, Measurement, Size, main
from bench.report import Figure, Report, Target
from bench.running import COURIERS, RunningShop

WARM_UP = 50


def measure(shop: RunningShop, report: Report, *, lists: int) -> Details:
    """Read the list over HTTP, then in one process by turns with the baseline."""
    with shop.standing_still(*COURIERS, "payment_3p"):
        served = _served(shop, lists)
        postmaster = shop.roots("postgres")["postgres"]
        asked = {"lists": lists, "postmaster": postmaster}
        inside = shop.ask("bench.inside.catalogue", asked=asked)
    rows = [
        ("over HTTP, with gunicorn and its log", served["web"], served["postgres"]),
        ("in one process", *inside["ours"].values()),
        ("ModelSerializer, page numbers", *inside["baseline"].values()),
    ]
    report.rows(
        "CPU milliseconds per list",
        ("", "web", "database", "together"),
        [(*row, row[1] + row[2]) for row in rows],
    )
    ours, baseline = (sum(inside[name].values()) for name in ("ours", "baseline"))
    report.add(Figure("list of 24 products: CPU of web + database", Target(1.5, "ms"), ours))
    report.add(
        Figure(
            "… how much less than ModelSerializer with page numbers",
            Target(2.5, "times", is_least=True),
            baseline / ours,
            f"{baseline:.2f} ms by ModelSerializer",
        )
    )
    return {"lists": lists, "over HTTP": served, "in one process": inside}


def _served(shop: RunningShop, lists: int) -> Seconds:
    """Return the CPU milliseconds per list of the real web processes."""
    client = Client(shop.plan.addresses.shop)
    for _ in range(WARM_UP):
        client.get("/products")
    cpu = shop.cpu("web", "postgres")
    before = cpu.read()
    for _ in range(lists):
        client.get("/products")
    spent = difference(cpu.read(), before)
    return {name: 1000 * seconds / lists for name, seconds in spent.items()}


MEASUREMENT = Measurement(
    "catalogue",
    "A list of 24 products",
    measure,
    {"lists": Size(2000, quick=300, help="lists read of each kind")},
)

if __name__ == "__main__":
    sys.exit(main(MEASUREMENT))
