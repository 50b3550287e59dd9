"""What many open streams cost, whether the API feels them, and how late they tell."""

from __future__ import annotations

import asyncio
import dataclasses
import http.client
import random
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Self
from urllib.parse import urlsplit

from bench.client import Client
from bench.customers import Customers
from bench.log import CONFIRMED, EventLog
from bench.processes import MEGABYTE, difference, memory_by_program
from bench.program import Details, Measurement, Size, main
from bench.report import Figure, Report, Target
from bench.running import RunningShop
from dev.demo_users import email_of

CUSTOMERS, OPENING = 6, 20
TURNS, WARM_UP, LISTS, CHANGES = 4, 30, 200, 300
IDLE_SECONDS = 30.0
PATIENCE_SECONDS = 60.0
PROGRAMS = ("streams", "postgres")
# Written as a use case writes it, but by us: so that the moment of the commit is known.
_CHANGE = """
INSERT INTO orders_timelineentry (order_id, at, what, state, reason)
VALUES (%s, now(), 'address_changed', 'CONFIRMED', '') RETURNING id
"""


def measure(shop: RunningShop, report: Report, *, streams: int) -> Details:
    """Ask the API the same by turns with and without streams; let things happen to their orders."""
    orders = _orders(shop, report, streams)
    found = Found(cpu=[_idle(shop)], memory=[_memory(shop)])
    for turn in range(TURNS):
        found.without += _milliseconds(shop)
        with Listeners() as listeners:
            _open(shop, listeners, orders)
            if turn == 0:
                found.memory.append(_memory(shop))
                found.cpu.append(_idle(shop))
                found.delays = _delays(shop, listeners, orders)
            found.during += _milliseconds(shop)
            found.ended_early += listeners.ended
    _tell_api(report, streams, found)
    _tell_costs(report, streams, found)
    report.add(Figure("commit → client, p50", Target(250, "ms"), statistics.median(found.delays)))
    report.add(Figure("commit → client, p99", Target(500, "ms"), _p99(found.delays)))
    report.add(Figure("streams that ended early", Target(0, "streams"), found.ended_early))
    return dataclasses.asdict(found)


@dataclasses.dataclass
class Found:
    """What was measured: milliseconds, MB, CPU seconds a second (each without and with streams)."""

    cpu: list[dict[str, float]]
    memory: list[float]
    without: list[float] = dataclasses.field(default_factory=list)
    during: list[float] = dataclasses.field(default_factory=list)
    delays: list[float] = dataclasses.field(default_factory=list)
    ended_early: int = 0


class Listeners:
    """Clients of streams, all on one thread; what they hear is noted with its time."""

    def __init__(self) -> None:
        self.heard: dict[str, dict[int, float]] = defaultdict(dict)  # order: event id: when
        self.ended = 0
        self.refused: list[bytes] = []
        self._listening: list[Future[None]] = []  # the loop alone would let them be collected
        self._loop = asyncio.new_event_loop()
        self._room = asyncio.Semaphore(OPENING)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result(PATIENCE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()

    def open(self, addresses: dict[str, str]) -> None:
        """Begin to listen to these orders, at these addresses."""
        for order, address in addresses.items():
            self._listening.append(
                asyncio.run_coroutine_threadsafe(self._listen(order, address), self._loop)
            )

    def until(self, condition: Callable[[], bool]) -> None:
        """
        Wait until something was heard.

        :raises TimeoutError: if that takes too long.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                told = sum(map(bool, self.heard.values()))
                raise TimeoutError(f"{told} streams have told anything; refused: {self.refused}")
            time.sleep(0.01)

    async def _listen(self, order: str, address: str) -> None:
        where = urlsplit(address)
        async with self._room:
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
            asked = f"GET {where.path}?{where.query} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n"
            writer.write(asked.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200 "):
                self.refused.append(head)
                return
        try:
            while line := await reader.readline():
                if line.startswith(b"id: "):
                    self.heard[order].setdefault(int(line[4:]), time.monotonic())
            self.ended += 1
        finally:
            writer.close()

    async def _leave(self) -> None:
        listening = asyncio.all_tasks() - {asyncio.current_task()}
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)


def _orders(shop: RunningShop, report: Report, streams: int) -> list[str]:
    """Return as many confirmed orders."""
    customers, log = Customers(shop), EventLog(shop.database)
    customers.prepare(streams)
    with report.progress("placing orders", streams) as advance:
        orders = customers.place_many(streams, threads=CUSTOMERS, each=advance)
    with report.progress("confirming them", streams) as advance:
        log.until(CONFIRMED, orders, tell=advance)
    shop.until_quiet()
    return orders


def _addresses(shop: RunningShop, orders: Sequence[str]) -> dict[str, str]:
    """Ask the API for each stream, as one who may see all orders, and return where it leads."""
    support = Client(shop.plan.addresses.shop).log_in(email_of("support"), shop.password)
    api = urlsplit(shop.plan.addresses.shop)
    connection = http.client.HTTPConnection(api.hostname or "", api.port, timeout=10)
    found = {}
    for order in orders:
        path = f"/api/v1/orders/{order}/stream"
        connection.request("GET", path, headers={"Authorization": support.authorization})
        answer = connection.getresponse()
        answer.read()
        found[order] = answer.headers["Location"]
    connection.close()
    return found


def _open(shop: RunningShop, listeners: Listeners, orders: Sequence[str]) -> None:
    listeners.open(_addresses(shop, orders))
    listeners.until(lambda: all(len(listeners.heard[order]) >= 2 for order in orders))


def _milliseconds(shop: RunningShop) -> list[float]:
    """Return how long each of many lists of products takes."""
    client, found = Client(shop.plan.addresses.shop), []
    for _ in range(WARM_UP + LISTS):
        begun = time.perf_counter()
        client.get("/products")
        found.append(1000 * (time.perf_counter() - begun))
    return found[WARM_UP:]


def _idle(shop: RunningShop) -> dict[str, float]:
    """Return the CPU seconds of each second in which nothing happens."""
    cpu = shop.cpu(*PROGRAMS)
    before, begun = cpu.read(), time.monotonic()
    time.sleep(IDLE_SECONDS)
    took = time.monotonic() - begun
    return {name: spent / took for name, spent in difference(cpu.read(), before).items()}


def _memory(shop: RunningShop) -> float:
    return memory_by_program(shop.roots("streams"))["streams"].rss / MEGABYTE


def _delays(shop: RunningShop, listeners: Listeners, orders: Sequence[str]) -> list[float]:
    """Return the milliseconds from commit to client of many changes."""
    dice, committed = random.Random(1), {}  # noqa: S311 -- the same choice each time
    for _ in range(CHANGES):
        order = dice.choice(orders)
        row = shop.database.execute(_CHANGE, [order]).fetchone()
        assert row  # noqa: S101
        committed[order, row[0]] = time.monotonic()
        time.sleep(dice.uniform(0, 0.1))
    heard = listeners.heard
    listeners.until(lambda: all(event in heard[order] for order, event in committed))
    return [1000 * (heard[order][event] - at) for (order, event), at in committed.items()]


def _tell_api(report: Report, streams: int, found: Found) -> None:
    for name, of in (("p50", statistics.median), ("p99", _p99)):
        without, during = of(found.without), of(found.during)
        what = f"GET /products, {name}: with {streams} open streams against without"
        base = f"{during:.1f} ms with, {without:.1f} ms without"
        report.add(Figure(what, Target(1.25, "times"), during / without, base))


def _tell_costs(report: Report, streams: int, found: Found) -> None:
    rows = [(name, *(1000 * each[name] for each in found.cpu)) for name in PROGRAMS]
    columns = ("", "no stream", f"{streams} streams")
    report.rows("CPU milliseconds a second while nothing happens", columns, rows)
    empty, full = found.memory
    base = f"{empty:.0f} MB empty, {1000 * (full - empty) / streams:.0f} KB a stream"
    what = f"the stream process with {streams} streams: memory"
    report.add(Figure(what, Target(150, "MB"), full, base))
    percent = 100 * sum(found.cpu[1].values())
    base = f"{100 * sum(found.cpu[0].values()):.1f} % without"
    what = f"{streams} streams while nothing happens: CPU of streams + database"
    report.add(Figure(what, Target(5, "% of a core"), percent, base))


def _p99(found: Sequence[float]) -> float:
    return sorted(found)[int(0.99 * (len(found) - 1))]


MEASUREMENT = Measurement(
    "streams",
    "Open streams of orders",
    measure,
    {"streams": Size(500, quick=60, help="streams open at once, each of an order of its own")},
)

if __name__ == "__main__":
    sys.exit(main(MEASUREMENT))
