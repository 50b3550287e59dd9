"""PostgreSQL at its limits."""

from __future__ import annotations

from shop.data import Data
from shop.environments import Environment
from shop.observability.watch import BELOW, FIVE_MINUTES, Watch

GB = 1_000_000_000


def watches(data: Data, environment: Environment) -> list[Watch]:
    """Return what is watched of the database."""
    instance, wanted = data.postgres.instance, environment.database
    return [
        Watch(
            name="database-cpu",
            means="PostgreSQL is busy for a quarter of an hour.",
            heading="the-database-is-at-its-limit",
            metric=instance.metric_cpu_utilization(period=FIVE_MINUTES),
            threshold=80,
        ),
        Watch(
            name="database-storage",
            means="Less than a tenth of the disk is free, and it did not grow by itself.",
            heading="the-database-is-at-its-limit",
            metric=instance.metric_free_storage_space(period=FIVE_MINUTES),
            threshold=wanted.storage_gb * GB / 10,
            comparison=BELOW,
        ),
        Watch(
            name="database-connections",
            means="Four fifths of the connections that PostgreSQL has are taken.",
            heading="the-database-is-at-its-limit",
            metric=instance.metric_database_connections(period=FIVE_MINUTES, statistic="Maximum"),
            threshold=wanted.connections * 4 // 5,
        ),
    ]
