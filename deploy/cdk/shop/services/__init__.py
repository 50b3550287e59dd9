"""The processes of one release: first its migrations, then all services."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from shop.data import Data
from shop.environments import Environment
from shop.images import Images
from shop.network import Network
from shop.platform import Platform
from shop.registry import JOBS, Registry
from shop.services.access import WEB
from shop.services.migrations import Migrations
from shop.services.renewal import Renewal
from shop.services.served import Served
from shop.services.service import Service
from shop.services.tasks import Release
from shop.services.workers import Worker


class Services(cdk.Stack):
    """Everything that a release replaces. If it fails, all of it goes back to what was."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        environment: Environment,
        *,
        network: Network,
        images: Images,
        data: Data,
        platform: Platform,
        registry: Registry,
        tag: str,
        **stack: Any,
    ) -> None:
        super().__init__(scope, name, **stack)
        self._environment, self._registry = environment, registry
        self._release = Release(
            environment=environment,
            network=network,
            platform=platform,
            data=data,
            image=images.repository,
            tag=tag,
        )
        migrations = Migrations(self, "migrate", self._release)
        self.web = Served(
            self,
            "web",
            self._release,
            size=environment.web,
            priority=20,
            needs=WEB,
        )
        self.streams = Served(
            self,
            "streams",
            self._release,
            size=environment.streams,
            priority=10,
            path="/streams",
        )
        self.workers = self._workers()
        self.relay = self._relay()
        self.scheduler = self._scheduler()
        for service in self.all:
            service.fargate.node.add_dependency(migrations.done)
        if environment.has_private_tasks:
            Renewal(self, "Renewal", self._release, services=self.all)

    @property
    def all(self) -> list[Service]:
        """Every service, in the order of the request that passes through."""
        return [self.web, self.streams, *self.workers, self.relay, self.scheduler]

    def _workers(self) -> list[Worker]:
        groups = self._registry.groups(self._environment.queues_per_worker)
        return [Worker(self, name, self._release, queues=queues) for name, queues in groups.items()]

    def _relay(self) -> Service:
        relay = Service(self, "relay", self._release, size=self._environment.relay)
        foreign = list(self._registry.foreign_queues)
        relay.may_send(list(self._registry.queues))
        if foreign:
            relay.may_take(foreign)
        return relay

    def _scheduler(self) -> Service:
        # Two at once do no harm: the new one may start before the old one ends.
        scheduler = Service(self, "scheduler", self._release)
        scheduler.may_send([JOBS])
        return scheduler
