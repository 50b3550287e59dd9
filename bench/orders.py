"""
How fast an order is confirmed, and how many SQS requests it costs: `make bench`.

Starts a shop of its own, as `make run` does, with a counting proxy before SQS. First orders are
placed one at a time, each waiting until the one before is confirmed; then a backlog is placed
while relay and workers are stopped, and counted while they work it off.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg

from bench.counting import CountingProxy
from dev.caller import Caller
from dev.demo_users import demo_password, email_of
from dev.plan import Plan, free_port
from dev.run import Start
from dev.shop import Shop
from dev.stage import ADDRESS, Stage
from dev.story import Story
from dev.supervisor import Supervisor

RESULTS = Path(__file__).parent / "results"
PATIENCE_SECONDS = 180.0
LINES = 3
_CONFIRMED = """
SELECT (confirmed.recorded_at - placed.recorded_at)
FROM bus_outbox AS placed JOIN bus_outbox AS confirmed USING (order_id)
WHERE placed.name = 'orders.order_placed.v1' AND confirmed.name = 'orders.order_confirmed.v1'
  AND order_id = ANY(%s)
"""


class Bench:
    """A running shop, a customer of it, and what passes between it and SQS."""

    def __init__(self, start: Start, proxy: CountingProxy, orders: int, backlog: int) -> None:
        self._start, self._proxy = start, proxy
        self._wanted, self._backlog = orders, backlog
        self._database = psycopg.connect(start.plan.postgres.url(), autocommit=True)  # type: ignore[union-attr]
        password = demo_password(start.shop.state)
        self._stage = Stage(start.plan.addresses, password, Story("Placing orders"))
        self._stage.register()
        self._lines = self._goods(password)
        self.figures: dict[str, Any] = {}

    def run(self) -> None:
        """Measure; the figures lie in `figures` afterwards."""
        for _ in range(10):  # warm up
            self._until_confirmed([self._place()])
        self._one_at_a_time()
        self._work_off()

    def _one_at_a_time(self) -> None:
        self._proxy.taken()
        seconds = []
        for number in range(self._wanted):
            seconds += self._until_confirmed([self._place()])
            if number % 50 == 49:
                print(f"  {number + 1} of {self._wanted} placed and confirmed", flush=True)
        milliseconds = sorted(1000 * each for each in seconds)
        self.figures["one at a time"] = {
            "orders": len(milliseconds),
            "p50 ms": round(statistics.median(milliseconds), 1),
            "p99 ms": round(milliseconds[int(0.99 * (len(milliseconds) - 1))], 1),
            **self._requests(self._wanted),
        }

    def _work_off(self) -> None:
        stopped = [
            child.process.pid
            for name, child in self._start.supervisor.children.items()
            if child.process and (name == "relay" or name.startswith("worker-"))
        ]
        print(f"  placing {self._backlog} orders while relay and workers stand still", flush=True)
        _signal(stopped, signal.SIGSTOP)
        try:
            orders = [self._place() for _ in range(self._backlog)]
            self._proxy.taken()
        finally:
            _signal(stopped, signal.SIGCONT)
        begun = time.monotonic()
        self._until_confirmed(orders)
        took = time.monotonic() - begun
        time.sleep(2)  # the last deletes
        self.figures["a backlog"] = {
            "orders": self._backlog,
            "orders/s": round(self._backlog / took, 1),
            **self._requests(self._backlog),
        }

    def _requests(self, orders: int) -> dict[str, Any]:
        counted: Counter[str] = self._proxy.taken()
        idle = counted.pop("idle polls", 0)
        return {
            "SQS requests per order": round(counted.total() / orders, 2),
            "by kind": {name: round(n / orders, 2) for name, n in sorted(counted.items())},
            "idle polls": idle,
        }

    def _place(self) -> str:
        body = self._stage_body()
        order: str = self._stage.customer.post("/orders", body)["id"]
        return order

    def _stage_body(self) -> dict[str, Any]:
        asked = {"lines": self._lines, "address": ADDRESS}
        if not hasattr(self, "_quote"):
            self._quote = self._stage.customer.post("/delivery/quotes", asked)
        token = self._stage._preauthorise(  # noqa: SLF001
            "4242424242424242", {"amount": 10_000_000, "currency": "EUR"}
        )
        return {**asked, "delivery_quote": self._quote["quote"], "payment_token": token}

    def _until_confirmed(self, orders: list[str]) -> list[float]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            rows = self._database.execute(_CONFIRMED, [orders]).fetchall()
            if len(rows) == len(orders):
                return [took.total_seconds() for (took,) in rows]
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(rows)} of {len(orders)} orders were confirmed.")
            time.sleep(0.002 if len(orders) == 1 else 0.1)

    def _goods(self, password: str) -> list[dict[str, Any]]:
        """Put enough of three products on the shelf, and return an order's lines."""
        warehouse = Caller(f"{self._start.plan.addresses.shop}/api/v1")
        warehouse.log_in(email_of("warehouse"), password)
        stock = warehouse.get("/warehouse/stock", limit=LINES)["results"]
        for row in stock:
            url = f"/warehouse/stock/{row['product_id']}/adjustments"
            warehouse.post(url, {"delta": 10 * (self._wanted + self._backlog), "reason": "bench"})
        return [{"product_id": row["product_id"], "quantity": 1} for row in stock]


def main() -> int:
    """Start a shop, measure, print, keep the raw result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=200, help="orders placed one at a time")
    parser.add_argument("--backlog", type=int, default=500, help="orders that wait at once")
    asked = parser.parse_args()
    state = Path(tempfile.mkdtemp(prefix="shop-bench-"))
    given = {"STATE_DIR": str(state), "PORT": str(free_port()), "LOG_LEVEL": "WARNING"}
    os.environ.update(given)
    try:
        return _measure(Shop(given), asked)
    finally:
        shutil.rmtree(state, ignore_errors=True)


def _measure(shop: Shop, asked: argparse.Namespace) -> int:
    failures: list[BaseException] = []
    with shop.lock(), Supervisor() as supervisor:
        plan = Plan(shop)
        proxy = CountingProxy(plan.ports["emulator"])
        plan.environment["AWS_ENDPOINT_URL"] = proxy.url
        plan.environment["QUEUE_URL_PREFIX"] = f"{proxy.url}/000000000000/shop-"
        start = Start(shop, plan, supervisor)
        start.bring_up()

        def work() -> None:
            try:
                bench = Bench(start, proxy, asked.orders, asked.backlog)
                bench.run()
                _print(bench.figures)
            except BaseException as failure:  # noqa: BLE001 -- told by the main thread
                failures.append(failure)

        thread = threading.Thread(target=work)
        thread.start()  # the supervisor reads what the processes print meanwhile
        supervisor.wait(lambda: not thread.is_alive(), 1800, "the bench")
    for failure in failures:
        print(f"The bench failed: {failure!r}", file=sys.stderr)
    return len(failures)


def _print(figures: dict[str, Any]) -> None:
    for title, rows in figures.items():
        print(f"\n{title}")
        for name, value in rows.items():
            print(f"  {name:<24}{value}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "orders.json").write_text(json.dumps(figures, indent=2) + "\n")


def _signal(processes: list[int], number: signal.Signals) -> None:
    for process in processes:
        os.kill(process, number)


if __name__ == "__main__":
    sys.exit(main())
