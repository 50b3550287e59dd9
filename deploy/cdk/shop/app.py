"""All stacks of an environment, in the order in which they need each other."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from shop.data import Data
from shop.environments import Environment
from shop.images import Images
from shop.network import Network
from shop.observability import Observability
from shop.pipeline import Pipeline
from shop.platform import Platform
from shop.registry import read_registry
from shop.services import Services


class Stacks:
    """The stacks, by what they hold."""

    def __init__(
        self, scope: Construct, environment: Environment, *, tag: str, account: str | None
    ) -> None:
        registry = read_registry()
        stack: dict[str, Any] = {
            "environment": environment,
            "env": cdk.Environment(account=account, region=environment.region),
        }

        def name(of: str) -> str:
            return f"Shop-{environment.name}-{of}"

        self.network = Network(scope, name("Network"), **stack)
        self.images = Images(scope, name("Registry"), **stack)
        self.data = Data(scope, name("Data"), network=self.network, registry=registry, **stack)
        self.platform = Platform(
            scope, name("Platform"), network=self.network, data=self.data, **stack
        )
        self.services = Services(
            scope,
            name("Services"),
            network=self.network,
            images=self.images,
            data=self.data,
            platform=self.platform,
            registry=registry,
            tag=tag,
            **stack,
        )
        self.observability = Observability(
            scope,
            name("Observability"),
            data=self.data,
            platform=self.platform,
            services=self.services,
            registry=registry,
            **stack,
        )
        self.pipeline = Pipeline(scope, name("Pipeline"), images=self.images, **stack)

    @property
    def all(self) -> dict[str, cdk.Stack]:
        """Every stack by what it is called here."""
        return dict(vars(self))


def build(
    app: cdk.App, environment: Environment, *, tag: str, account: str | None = None
) -> Stacks:
    """Add the stacks of an environment, which runs the image `tag`, to an app, and its checks."""
    stacks = Stacks(app, environment, tag=tag, account=account)
    for name, stack in stacks.all.items():
        _tag(stack, environment, name)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return stacks


def _tag(stack: cdk.Stack, environment: Environment, name: str) -> None:
    """Tag everything, so that costs can be told by team, purpose, module and environment."""
    tags = {
        "team": "shop",
        "cost": name,
        "module": "shared",
        "environment": environment.name,
    }
    for key, value in tags.items():
        cdk.Tags.of(stack).add(key, value, priority=50)  # what is nearer to a resource wins
