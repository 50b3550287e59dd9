"""Where the shop runs, and in what size. What differs between environments stands here alone."""

from __future__ import annotations

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size:
    """A task, and how many of it. Fargate knows only some pairs of CPU units and MiB."""

    cpu: int = 256
    memory: int = 512
    least: int = 1
    most: int = 1

    @property
    def varies(self) -> bool:
        """Whether the number of tasks follows the work."""
        return self.most > self.least


@dataclasses.dataclass(frozen=True, kw_only=True)
class Database:
    """PostgreSQL. `connections` is what its memory allows: DBInstanceClassMemory / 9531392."""

    instance: str
    connections: int
    is_multi_az: bool
    storage_gb: int
    most_storage_gb: int
    backup_days: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Environment:
    """
    One environment, in an account of its own.

    `queues_per_worker`: `one` gives each queue a service, as their prefetching wants it; `kind`
    one to all modules' queues, one to all that call the outside, one to the jobs; `all` one to all.
    """

    name: Literal["dev", "staging", "prod"]
    domain: str
    hosted_zone_id: str = ""  # without one the certificate waits until somebody writes its record
    region: str = "eu-north-1"
    zones: int
    nat_gateways: int  # 0: tasks stand in the public subnets, and no security group lets anyone in
    interface_endpoints: tuple[str, ...] = ()
    database: Database
    web: Size
    streams: Size
    worker: Size
    relay: Size
    queues_per_worker: Literal["one", "kind", "all"]
    is_spot_only: bool = False
    is_kept: bool = True  # what holds data outlives its stack, and nobody deletes it by mistake
    has_firewall: bool = True
    has_static_addresses: bool = False
    traced_share: float  # of requests, and of all that they cause; 0: no traces, no collector
    partners: tuple[str, ...] = ()  # principals that may connect by PrivateLink
    anchors_locked_days: int
    log_days: Literal[7, 30, 365]
    alarms_to: str = ""
    repository: str = "example/shop"  # on GitHub: whose workflow may deploy

    @property
    def has_private_tasks(self) -> bool:
        """Whether tasks, and functions beside them, reach AWS without an address of their own."""
        return self.nat_gateways > 0

    @property
    def origin(self) -> str:
        """Where the shop is reached."""
        return f"https://{self.domain}"


DEV = Environment(
    name="dev",
    domain="dev.shop.example",
    zones=2,  # a load balancer wants two; the database stands in one
    nat_gateways=0,
    database=Database(
        instance="t4g.micro",
        connections=112,
        is_multi_az=False,
        storage_gb=20,
        most_storage_gb=50,
        backup_days=1,
    ),
    web=Size(memory=1024),
    streams=Size(),
    worker=Size(cpu=512, memory=2048),
    relay=Size(),
    queues_per_worker="all",
    is_spot_only=True,
    is_kept=False,
    has_firewall=False,
    traced_share=0,
    anchors_locked_days=1,
    log_days=7,
)
STAGING = Environment(
    name="staging",
    domain="staging.shop.example",
    zones=2,
    nat_gateways=1,
    database=Database(
        instance="t4g.medium",
        connections=450,
        is_multi_az=False,
        storage_gb=50,
        most_storage_gb=200,
        backup_days=7,
    ),
    web=Size(cpu=512, memory=1024, least=2, most=4),
    streams=Size(least=1, most=2),
    worker=Size(memory=1024, least=1, most=4),
    relay=Size(least=2, most=2),
    queues_per_worker="kind",
    traced_share=1,
    anchors_locked_days=1,
    log_days=30,
)
PROD = Environment(
    name="prod",
    domain="shop.example",
    zones=3,
    nat_gateways=3,
    database=Database(
        instance="m8g.xlarge",
        connections=1800,
        is_multi_az=True,
        storage_gb=200,
        most_storage_gb=2000,
        backup_days=35,
    ),
    web=Size(cpu=1024, memory=2048, least=3, most=30),
    streams=Size(cpu=256, memory=1024, least=2, most=10),
    worker=Size(memory=1024, least=1, most=20),
    relay=Size(least=2, most=2),
    queues_per_worker="one",
    traced_share=0.05,
    has_static_addresses=True,
    partners=(),
    anchors_locked_days=3650,
    log_days=365,
)
ENVIRONMENTS: dict[str, Environment] = {
    environment.name: environment for environment in (DEV, STAGING, PROD)
}
