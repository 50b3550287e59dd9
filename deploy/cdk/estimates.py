"""What an environment costs in a month under a load, from `prices.toml` and what it consists of."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from shop.environments import Environment, Size
from shop.registry import read_registry

HOURS = 730  # in a month
DAYS = 30.4
MILLION = 1_000_000
# A worker asks each of its queues again after ten seconds without a message.
IDLE_POLLS = HOURS * 3600 / 10
SQS_REQUESTS_PER_ORDER = 40  # measured: `make bench ARGS="--only flow"`, idle polls apart
REQUESTS_PER_ORDER = 50  # of the API, with all who only look
LOG_KB_PER_ORDER = 20
FIREWALL_RULES = 5
SECRETS = 4
SHOP_ALARMS, ALARMS_PER_QUEUE = 11, 3
SHOP_METRICS = 11
METRICS_PER_SERVICE = 10  # of Container Insights


@dataclasses.dataclass(frozen=True, kw_only=True)
class Load:
    """How much is done, and how much lies there."""

    orders_a_day: int
    files_gb: int
    images_gb: int = 10
    sqs_requests_per_order: float = SQS_REQUESTS_PER_ORDER


Items = Iterator[tuple[str, float]]


def estimate(environment: Environment, load: Load, prices: dict[str, Any]) -> dict[str, float]:
    """Return what each part costs in a month."""
    return {
        name: cost
        for items in (_tasks, _database, _network, _messages, _watching, _files)
        for name, cost in items(environment, load, prices)
    }


def _tasks(environment: Environment, load: Load, prices: dict[str, Any]) -> Items:
    steady = [environment.web, environment.streams, environment.relay, Size()]
    workers = [environment.worker] * _groups(environment)
    hour, spot = prices["hour"], "_spot" if environment.is_spot_only else ""

    def cost(sizes: list[Size]) -> float:
        vcpu = sum(size.cpu / 1024 * size.least for size in sizes)
        memory = sum(size.memory / 1024 * size.least for size in sizes)
        return HOURS * (vcpu * hour[f"fargate{spot}_vcpu"] + memory * hour[f"fargate{spot}_gb"])

    yield "Tasks: web, streams, relay, scheduler", cost(steady)
    yield "Tasks: workers", cost(workers)


def _database(environment: Environment, load: Load, prices: dict[str, Any]) -> Items:
    wanted = environment.database
    zones = 2 if wanted.is_multi_az else 1
    yield (
        "PostgreSQL",
        zones
        * (
            HOURS * prices["database_hour"][wanted.instance]
            + wanted.storage_gb * prices["month"]["database_gb"]
        ),
    )


def _network(environment: Environment, load: Load, prices: dict[str, Any]) -> Items:
    hour, use, month = prices["hour"], prices["use"], prices["month"]
    requests = load.orders_a_day * DAYS * REQUESTS_PER_ORDER / MILLION
    balancers = 2 if environment.has_static_addresses else 1
    units = 1 + load.orders_a_day / 100_000
    yield (
        "Load balancers",
        HOURS * balancers * (hour["load_balancer"] + units * use["balancer_unit_hour"]),
    )
    if environment.has_firewall:
        yield (
            "Firewall",
            month["firewall"]
            + FIREWALL_RULES * month["firewall_rule"]
            + requests * use["firewall_million_requests"],
        )
    yield (
        "Ways out: NAT, endpoints",
        HOURS
        * (
            environment.nat_gateways * hour["nat_gateway"]
            + len(environment.interface_endpoints) * environment.zones * hour["interface_endpoint"]
        )
        + environment.nat_gateways * 20 * use["nat_gb"],
    )
    yield "Public addresses", HOURS * _addresses(environment) * hour["public_address"]
    yield "Traffic to clients", requests * 10 * use["out_gb"]  # 10 KB an answer


def _messages(environment: Environment, load: Load, prices: dict[str, Any]) -> Items:
    queues = len(read_registry().all_queues)
    requests = queues * IDLE_POLLS + load.orders_a_day * DAYS * load.sqs_requests_per_order
    yield "SQS", requests / MILLION * prices["use"]["sqs_million_requests"]


def _watching(environment: Environment, load: Load, prices: dict[str, Any]) -> Items:
    registry, month, use = read_registry(), prices["month"], prices["use"]
    alarms = SHOP_ALARMS + ALARMS_PER_QUEUE * len(registry.all_queues)
    if environment.worker.varies:
        alarms += len(registry.queues) + 2 * _groups(environment)
    metrics = SHOP_METRICS + METRICS_PER_SERVICE * (4 + _groups(environment))
    yield (
        "Alarms, figures, dashboard",
        (alarms * month["alarm"] + metrics * month["metric"] + month["dashboard"]),
    )
    logs = load.orders_a_day * DAYS * LOG_KB_PER_ORDER / MILLION + 5
    yield "Logs", logs * (use["logs_gb"] + environment.log_days / 30 * month["logs_kept_gb"])
    if environment.traced_share:
        traced = load.orders_a_day * environment.traced_share
        yield "Traces", traced * DAYS / MILLION * use["traces_million"]


def _files(environment: Environment, load: Load, prices: dict[str, Any]) -> Items:
    month = prices["month"]
    yield (
        "Files, images, secrets",
        (
            load.files_gb * month["s3_gb"]
            + load.images_gb * month["ecr_gb"]
            + SECRETS * month["secret"]
        ),
    )


def _addresses(environment: Environment) -> int:
    """Count public addresses: of balancers, of NAT or of tasks without it."""
    balancers = 2 if environment.has_static_addresses else 1
    tasks = sum(
        size.least for size in (environment.web, environment.streams, environment.relay)
    ) + _groups(environment)
    outward = environment.nat_gateways or tasks + 1
    return balancers * environment.zones + outward


def _groups(environment: Environment) -> int:
    return len(read_registry().groups(environment.queues_per_worker))
