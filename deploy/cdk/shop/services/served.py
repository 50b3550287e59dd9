"""Services behind the load balancer."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_elasticloadbalancingv2 as elb
from constructs import Construct

from shop.environments import Size
from shop.network import PORT
from shop.services.access import Needs
from shop.services.service import NOTHING, Service
from shop.services.tasks import Release

CPU_PERCENT = 60
REQUESTS_PER_MINUTE = 1_500  # of a task: 25 a second
# A database that fails over is away for a minute or two; no task is to be killed for that.
UNHEALTHY_AFTER = 10
CHECK_SECONDS = 15


class Served(Service):
    """A role that answers HTTP for our host, as a whole or below a path."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        release: Release,
        *,
        size: Size,
        priority: int,
        path: str = "",
        needs: Needs = NOTHING,
    ) -> None:
        super().__init__(
            scope,
            name,
            release,
            size=size,
            needs=needs,
            group=release.network.served_group,
        )
        self.targets = elb.ApplicationTargetGroup(
            self,
            "Targets",
            vpc=release.network.vpc,
            port=PORT,
            protocol=elb.ApplicationProtocol.HTTP,
            targets=[self.fargate],
            deregistration_delay=cdk.Duration.seconds(30),
            health_check=elb.HealthCheck(
                path=f"{path or '/api/v1'}/health/ready",
                healthy_http_codes="200",
                interval=cdk.Duration.seconds(CHECK_SECONDS),
                healthy_threshold_count=2,
                unhealthy_threshold_count=UNHEALTHY_AFTER,
            ),
        )
        self._route(path, priority)
        if scaling := self.scaling():
            scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=CPU_PERCENT)
            scaling.scale_on_request_count(
                "Requests", requests_per_target=REQUESTS_PER_MINUTE, target_group=self.targets
            )

    def _route(self, path: str, priority: int) -> None:
        condition = elb.ListenerCondition
        rule = elb.ApplicationListenerRule(
            self,
            "Rule",
            listener=self._release.platform.balancer.https,
            priority=priority,
            conditions=[
                condition.host_headers([self._release.environment.domain]),
                *([condition.path_patterns([f"{path}/*"])] if path else []),
            ],
            target_groups=[self.targets],
        )
        self.fargate.node.add_dependency(rule)  # ECS refuses a group that no balancer knows
