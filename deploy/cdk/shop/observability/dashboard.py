"""One page: alarms, what customers notice, the business, what waits."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_elasticloadbalancingv2 as elb
from constructs import Construct

from shop.data import Data
from shop.environments import Environment
from shop.observability.figures import AMOUNTS, ORDERS, OUTBOX_AGE, figure
from shop.observability.watch import FIVE_MINUTES
from shop.platform import Platform


class Dashboard(Construct):
    """The page `shop-<environment>`."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        environment: Environment,
        *,
        alarms: Mapping[str, cloudwatch.Alarm],
        platform: Platform,
        data: Data,
    ) -> None:
        super().__init__(scope, name)
        self._environment = environment
        cloudwatch.Dashboard(
            self,
            "Page",
            dashboard_name=f"shop-{environment.name}",
            widgets=[
                [
                    cloudwatch.AlarmStatusWidget(
                        title="Alarms", alarms=[*alarms.values()], width=24, height=6
                    )
                ],
                self._business(),
                _requests(platform, alarms["place-order-slow"]),
                self._waiting(data),
                _database(data),
            ],
        )

    def _business(self) -> list[cloudwatch.IWidget]:
        told = {"Orders": ORDERS, "Amounts, minor units": AMOUNTS}
        return [
            _graph(title, [figure(self._environment, name, statistic="Sum") for name in names])
            for title, names in told.items()
        ]

    def _waiting(self, data: Data) -> list[cloudwatch.IWidget]:
        queues = data.queues.by_name.values()
        age = [
            queue.metric_approximate_age_of_oldest_message(label=queue.node.id) for queue in queues
        ]
        return [
            _graph("Oldest message, seconds", age),
            _graph("Oldest unsent event, seconds", [figure(self._environment, OUTBOX_AGE)]),
        ]


def _requests(platform: Platform, slow: cloudwatch.Alarm) -> list[cloudwatch.IWidget]:
    metrics, target = platform.balancer.alb.metrics, elb.HttpCodeTarget
    codes = [target.TARGET_2XX_COUNT, target.TARGET_4XX_COUNT, target.TARGET_5XX_COUNT]
    return [
        _graph("Answers", [metrics.http_code_target(code, period=FIVE_MINUTES) for code in codes]),
        cloudwatch.AlarmWidget(title="POST /orders, p99 in ms", alarm=slow, width=12),
    ]


def _database(data: Data) -> list[cloudwatch.IWidget]:
    instance = data.postgres.instance
    return [
        _graph("PostgreSQL: CPU, %", [instance.metric_cpu_utilization()]),
        _graph("PostgreSQL: connections", [instance.metric_database_connections()]),
    ]


def _graph(title: str, metrics: list[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=metrics, width=12)
