"""A service: so many tasks of one role, what they may do, and how a release replaces them."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from shop.environments import Size
from shop.services.access import Needs, grant
from shop.services.tasks import Release, Role, Task

TAKE = (
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
)
NOTHING = Needs()
ONE = Size()


class Service(Construct):
    """
    One role of the image as a Fargate service, by default of one task.

    Where its size may vary, a scaling target decides, and CloudFormation must not: a desired count
    in the template would undo at each release what scaling has done.
    """

    takes_spot = False

    def __init__(
        self,
        scope: Construct,
        name: str,
        release: Release,
        *,
        size: Size = ONE,
        arguments: Sequence[str] = (),
        role: str = "",
        needs: Needs = NOTHING,
        group: ec2.ISecurityGroup | None = None,
        module: str = "",
    ) -> None:
        super().__init__(scope, name)
        self.name, self._release, self._size = name, release, size
        does = Role(
            command=[role or name, *arguments],
            size=size,
            secrets=needs.secrets,
            settings=needs.settings(),
            module=module,
        )
        self.task = Task(self, "Of", release, does, user=release.data.postgres.app)
        grant(self.task.definition, needs, release)
        self.fargate = ecs.FargateService(
            self,
            "Service",
            cluster=release.platform.cluster,
            task_definition=self.task.definition,
            desired_count=None if size.varies else size.least,
            security_groups=[group or release.network.worker_group],
            vpc_subnets=release.network.task_subnets,
            assign_public_ip=not release.environment.has_private_tasks,
            capacity_provider_strategies=self._capacity(),
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            min_healthy_percent=100,
            max_healthy_percent=200,
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
            enable_ecs_managed_tags=True,
        )
        if module:
            cdk.Tags.of(self).add("module", module)

    def scaling(self) -> ecs.ScalableTaskCount | None:
        """Return what decides how many tasks there are, where that varies."""
        if not self._size.varies:
            return None
        return self.fargate.auto_scale_task_count(
            min_capacity=self._size.least, max_capacity=self._size.most
        )

    def may_send(self, queues: list[str]) -> None:
        """Let it send to these queues."""
        self._allow(["sqs:SendMessage", "sqs:GetQueueAttributes"], queues)

    def may_take(self, queues: list[str]) -> None:
        """Let it receive from these queues, and delete or give back what it received."""
        self._allow([*TAKE], queues)

    def _allow(self, actions: list[str], queues: list[str]) -> None:
        statement = iam.PolicyStatement(
            actions=actions, resources=self._release.data.queues.arns(queues)
        )
        self.task.definition.add_to_task_role_policy(statement)

    def _capacity(self) -> list[ecs.CapacityProviderStrategy]:
        """Return what a task runs on: by default nothing that AWS may take away."""
        strategy = ecs.CapacityProviderStrategy
        if self._release.environment.is_spot_only:
            return [strategy(capacity_provider="FARGATE_SPOT", weight=1)]
        if self.takes_spot:
            return [
                strategy(capacity_provider="FARGATE", base=1, weight=1),
                strategy(capacity_provider="FARGATE_SPOT", weight=4),
            ]
        return [strategy(capacity_provider="FARGATE", weight=1)]
