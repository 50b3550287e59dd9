"""
What the shop needs and costs as it grows, from what `make bench` measured of one order.

Formulas are plain: work per second at the busiest hour, by what a task may be busy for.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import estimates
from shop.environments import PROD, Size
from shop.registry import read_registry

ORDERS_A_DAY = (1, 1_000, 10_000, 100_000, 1_000_000)
PEAK = 4.0  # the busiest hour, by the mean of the day
BUSY = 0.6  # what tasks and database may be busy for, at the busiest hour
SECONDS_A_DAY = 86_400
# CPU seconds of an order on its whole way: `make bench ARGS="--only flow"`.
WEB, WORKERS, RELAY, DATABASE = 0.048, 0.197, 0.046, 0.070
# And of a request by someone who only looks, of which an order brings so many.
LOOKS, WEB_LOOK, DATABASE_LOOK = estimates.REQUESTS_PER_ORDER, 0.010, 0.002
# How much fewer SQS requests an order takes with full packs, and from how many a second on.
FULL_PACKS, FULL_FROM = 7, 30.0
# Kilobytes that an order leaves in PostgreSQL, with indexes: the same bench.
LOG_KB, AUDIT_KB, MODULES_KB = 37, 32, 49
LOG_DAYS, SHORT_LOG_DAYS, SHORT_FROM = 400, 30, 100_000  # LOG_RETENTION_DAYS; from so many a day
YEAR = 365
CORES = {"m8g.large": 2, "m8g.xlarge": 4, "m8g.2xlarge": 8, "m8g.4xlarge": 16, "m8g.8xlarge": 32}
SMALL_DATABASE_GB, DOCUMENT_KB = 20, 60

_SECTION = """\
## As it grows

Computed for `prod` from what `make bench ARGS="--only flow"` measured of one order: {cpu:.0f} ms
of CPU on its whole way, {requests} SQS requests (a seventh of them once packs are full),
{kilobytes} KB in PostgreSQL. With it come {looks} requests of people who look. The busiest hour
has {peak:g} times the mean; tasks and database are then busy for {busy:.0%}. Disk is that after
one year; the log of events is kept for {log} days, from {short_from:,} orders a day on for
{short} (`LOG_RETENTION_DAYS`).

{table}

What changes on the way:

- **Up to 10,000 a day** nothing: most of the cost is standing by. `prod` has an `m8g.xlarge`,
  twice what is needed, and its disk grows by itself.
- **At 100,000** the log is the largest table: keep it for a month, which is as far back as events
  can then be replayed. The lists of the catalogue are most of what web and database do: put
  CloudFront before `GET /products`. Raise `most_storage_gb`.
- **At 1,000,000** raise `most` of web and workers in `shop/environments.py`, and give relay a
  whole vCPU. The audit grows by {audit_tb:.0f} TB a year: shorten its retention classes, whose
  partitions are dropped and leave their heads. Partition the tables of orders and payment by
  month, as the audit's are.
- **Beyond** three things are one line of writers each, by design: a series of invoices (numbers
  without a gap: about 100 a second), a chain of the audit (one head row for each class and
  month), a product's stock. Each would be split: a series and a chain for each country, stock by
  warehouse. Then one PostgreSQL is the limit. The modules share no table and no transaction, so
  that each can move to a database of its own, with an outbox and a relay there.
"""


@dataclasses.dataclass(frozen=True)
class Need:
    """What so many orders a day ask for."""

    orders_a_day: int

    @property
    def peak(self) -> float:
        """Orders a second in the busiest hour."""
        return self.orders_a_day * PEAK / SECONDS_A_DAY

    @property
    def requests_per_order(self) -> float:
        """Return how many SQS requests one order takes: packs fill with the rate."""
        fullness = min(1.0, self.peak / FULL_FROM)
        return estimates.SQS_REQUESTS_PER_ORDER / (1 + (FULL_PACKS - 1) * fullness)

    @property
    def web(self) -> int:
        """Return the tasks of the web."""
        return max(PROD.web.least, _tasks(self.peak * (WEB + LOOKS * WEB_LOOK), PROD.web))

    @property
    def workers(self) -> int:
        """Return the tasks of all workers: each queue has one at least."""
        groups = len(read_registry().groups(PROD.queues_per_worker))
        return max(groups, _tasks(self.peak * WORKERS, PROD.worker))

    @property
    def instance(self) -> str:
        """Return the smallest database that is enough."""
        cores = self.peak * (DATABASE + LOOKS * DATABASE_LOOK) / BUSY
        return next(name for name, has in CORES.items() if has >= cores)

    @property
    def disk_gb(self) -> int:
        """Return how large the database is after a year."""
        log_days = SHORT_LOG_DAYS if self.orders_a_day >= SHORT_FROM else min(LOG_DAYS, YEAR)
        kilobytes = LOG_KB * log_days + (AUDIT_KB + MODULES_KB) * YEAR
        return SMALL_DATABASE_GB + math.ceil(self.orders_a_day * kilobytes / estimates.MILLION)

    def cost(self, prices: dict[str, Any]) -> float:
        """Return what it costs in a month."""
        groups = len(read_registry().groups(PROD.queues_per_worker))
        worker = dataclasses.replace(PROD.worker, least=math.ceil(self.workers / groups))
        relay_cores = self.peak * RELAY / BUSY
        relay = dataclasses.replace(PROD.relay, cpu=max(256, math.ceil(1024 * relay_cores / 2)))
        disk = max(self.disk_gb, PROD.database.storage_gb)
        environment = dataclasses.replace(
            PROD,
            web=dataclasses.replace(PROD.web, least=self.web),
            worker=worker,
            relay=relay,
            database=dataclasses.replace(PROD.database, instance=self.instance, storage_gb=disk),
        )
        load = estimates.Load(
            orders_a_day=self.orders_a_day,
            files_gb=math.ceil(self.orders_a_day * DOCUMENT_KB * YEAR / estimates.MILLION),
            sqs_requests_per_order=self.requests_per_order,
        )
        return sum(estimates.estimate(environment, load, prices).values())


def section(prices: dict[str, Any]) -> str:
    """Return the part of the page."""
    return _SECTION.format(
        cpu=1000 * (WEB + WORKERS + RELAY + DATABASE),
        requests=estimates.SQS_REQUESTS_PER_ORDER,
        kilobytes=LOG_KB + AUDIT_KB + MODULES_KB,
        looks=LOOKS,
        peak=PEAK,
        busy=BUSY,
        log=LOG_DAYS,
        short=SHORT_LOG_DAYS,
        short_from=SHORT_FROM,
        audit_tb=ORDERS_A_DAY[-1] * AUDIT_KB * YEAR / 1e9,
        table=_table([Need(orders) for orders in ORDERS_A_DAY], prices),
    ).rstrip()


def _table(needs: list[Need], prices: dict[str, Any]) -> str:
    rows = {
        "Orders a second, at the busiest": [_rate(need.peak) for need in needs],
        "SQS requests an order": [f"{need.requests_per_order:.0f}" for need in needs],
        "SQS requests a day, polls apart": [
            f"{need.orders_a_day * need.requests_per_order:,.0f}" for need in needs
        ],
        f"Web, tasks of {PROD.web.cpu / 1024:g} vCPU": [str(need.web) for need in needs],
        f"Workers, tasks of {PROD.worker.cpu / 1024:g} vCPU": [str(need.workers) for need in needs],
        "PostgreSQL": [need.instance for need in needs],
        "Disk after a year, GB": [f"{need.disk_gb:,}" for need in needs],
        f"**{prices['currency']} a month**": [f"**{need.cost(prices):,.0f}**" for need in needs],
        f"{prices['currency']} an order": [
            f"{need.cost(prices) / need.orders_a_day / estimates.DAYS:.4f}" for need in needs
        ],
    }
    head = ["Orders a day", *(f"{need.orders_a_day:,}" for need in needs)]
    lines = [head, ["---", *["---:"] * len(needs)], *([name, *row] for name, row in rows.items())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _tasks(cores: float, size: Size) -> int:
    return math.ceil(cores / BUSY / (size.cpu / 1024))


def _rate(a_second: float) -> str:
    return f"{a_second:.2f}" if a_second >= 0.01 else "< 0.01"
