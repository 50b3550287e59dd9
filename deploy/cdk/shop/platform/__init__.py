"""What services stand on: the cluster, and the ways in."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from shop.data import Data
from shop.environments import Environment
from shop.network import Network
from shop.platform.balancer import Balancer
from shop.platform.firewall import Firewall
from shop.platform.static_addresses import StaticAddresses


class Platform(cdk.Stack):
    """An ECS cluster, and load balancers that end TLS and pass on what asks for our host."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        environment: Environment,
        *,
        network: Network,
        data: Data,
        **stack: Any,
    ) -> None:
        super().__init__(scope, name, **stack)
        self.cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name=f"shop-{environment.name}",
            vpc=network.vpc,
            container_insights_v2=ecs.ContainerInsights.ENABLED,
            enable_fargate_capacity_providers=True,
        )
        self.balancer = Balancer(
            self, "Balancer", environment, network=network, logs=data.buckets.access_logs
        )
        if environment.has_firewall:
            self.firewall = Firewall(
                self, "Firewall", balancer_arn=self.balancer.alb.load_balancer_arn
            )
        if environment.has_static_addresses:
            self.addresses = StaticAddresses(
                self, "Addresses", environment, network=network, balancer=self.balancer
            )
