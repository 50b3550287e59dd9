"""What must not be lost: the database, the buckets, the queues, the secrets."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from shop.data.buckets import Buckets
from shop.data.database import Postgres
from shop.data.queues import Queues
from shop.data.secrets import Secrets
from shop.environments import Environment
from shop.network import Network
from shop.registry import Registry


class Data(cdk.Stack):
    """Everything that a rollback of the others must leave as it is."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        environment: Environment,
        *,
        network: Network,
        registry: Registry,
        **stack: Any,
    ) -> None:
        super().__init__(scope, name, termination_protection=environment.is_kept, **stack)
        keeps = cdk.RemovalPolicy.RETAIN if environment.is_kept else cdk.RemovalPolicy.DESTROY
        self.secrets = Secrets(self, "Secrets", keeps=keeps)
        self.postgres = Postgres(self, "Postgres", environment, network=network)
        self.queues = Queues(self, "Queues", environment, registry=registry)
        self.buckets = Buckets(
            self, "Buckets", environment, registry=registry, queues=self.queues, keeps=keeps
        )
