"""Workers, which are as many as their queues' backlog wants."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from shop.registry import module_of
from shop.services.access import needs_of
from shop.services.service import Service
from shop.services.tasks import Release

# Messages, packs of up to 25 events, that a task may have before it: some seconds of work.
BACKLOG = 20
# What has waited so long wants another task, or several, whatever the backlog says.
AGES = {60: 1, 300: 3}
_SQS = "AWS/SQS"
_Policy = autoscaling.CfnScalingPolicy


class Worker(Service):
    """A worker of some queues. It is never scaled by CPU: who waits for a gateway uses none."""

    takes_spot = True

    def __init__(self, scope: Construct, name: str, release: Release, *, queues: list[str]) -> None:
        modules = {module_of(queue) for queue in queues}
        super().__init__(
            scope,
            f"worker-{name}",
            release,
            size=release.environment.worker,
            role="worker",
            arguments=queues,
            needs=needs_of(queues),
            module=modules.pop() if len(modules) == 1 else "",
        )
        self.queues = queues
        self.may_take(queues)
        self._names = [release.data.queues.by_name[queue].queue_name for queue in queues]
        if scaling := self.scaling():
            self._follow_backlog(scaling)
            for queue in queues:
                _follow_age(scaling, release.data.queues.by_name[queue])

    def _follow_backlog(self, scaling: ecs.ScalableTaskCount) -> None:
        waiting = [_waiting(f"m{i}", name) for i, name in enumerate(self._names)]
        visible = " + ".join(f"m{i}" for i in range(len(waiting)))
        metrics = [
            *waiting,
            self._running(),
            _Policy.TargetTrackingMetricDataQueryProperty(
                id="backlog",
                expression=f"({visible}) / IF(tasks > 0, tasks, 1)",
                label="messages per task",
                return_data=True,
            ),
        ]
        target: Any = scaling.node.find_child("Target")
        # The construct of the second level takes no metric math.
        _Policy(
            self,
            "Backlog",
            policy_name=f"{self.name}-backlog-per-task",
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.scalable_target_id,
            target_tracking_scaling_policy_configuration=_tracking(metrics),
        )

    def _running(self) -> _Policy.TargetTrackingMetricDataQueryProperty:
        cluster = self._release.platform.cluster.cluster_name
        return _query(
            "tasks",
            namespace="ECS/ContainerInsights",
            metric="RunningTaskCount",
            stat="Average",
            dimensions={"ClusterName": cluster, "ServiceName": self.fargate.service_name},
        )


def _follow_age(scaling: ecs.ScalableTaskCount, queue: sqs.Queue) -> None:
    scaling.scale_on_metric(
        f"Age-{queue.node.id}",
        metric=queue.metric_approximate_age_of_oldest_message(
            statistic="Maximum", period=Duration.minutes(1)
        ),
        scaling_steps=[
            autoscaling.ScalingInterval(lower=age, change=change) for age, change in AGES.items()
        ],
        adjustment_type=autoscaling.AdjustmentType.CHANGE_IN_CAPACITY,
        cooldown=Duration.minutes(2),
    )


def _waiting(name: str, queue: str) -> _Policy.TargetTrackingMetricDataQueryProperty:
    return _query(
        name,
        namespace=_SQS,
        metric="ApproximateNumberOfMessagesVisible",
        stat="Sum",
        dimensions={"QueueName": queue},
    )


def _query(
    name: str, *, namespace: str, metric: str, stat: str, dimensions: dict[str, str]
) -> _Policy.TargetTrackingMetricDataQueryProperty:
    return _Policy.TargetTrackingMetricDataQueryProperty(
        id=name,
        return_data=False,
        metric_stat=_Policy.TargetTrackingMetricStatProperty(
            stat=stat,
            metric=_Policy.TargetTrackingMetricProperty(
                namespace=namespace,
                metric_name=metric,
                dimensions=[
                    _Policy.TargetTrackingMetricDimensionProperty(name=key, value=value)
                    for key, value in dimensions.items()
                ],
            ),
        ),
    )


def _tracking(metrics: list[_Policy.TargetTrackingMetricDataQueryProperty]) -> object:
    return _Policy.TargetTrackingScalingPolicyConfigurationProperty(
        target_value=BACKLOG,
        scale_out_cooldown=60,
        scale_in_cooldown=300,
        customized_metric_specification=_Policy.CustomizedMetricSpecificationProperty(
            metrics=metrics
        ),
    )
