"""What is watched, who is woken, and the one page that shows it all."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from shop.data import Data
from shop.environments import Environment
from shop.observability import balancer, dashboard, database, figures, queues
from shop.observability.watch import Watch
from shop.platform import Platform
from shop.registry import Registry
from shop.services import Services

RUNBOOK = "docs/runbook.md"


class Observability(cdk.Stack):
    """An alarm for each thing that `docs/runbook.md` explains, told on one topic."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        environment: Environment,
        *,
        data: Data,
        platform: Platform,
        services: Services,
        registry: Registry,
        **stack: Any,
    ) -> None:
        super().__init__(scope, name, **stack)
        self.topic = sns.Topic(self, "Alarms", enforce_ssl=True)
        if environment.alarms_to:
            self.topic.add_subscription(subscriptions.EmailSubscription(environment.alarms_to))
        watches = [
            *balancer.watches(platform, services),
            *queues.watches(data, registry),
            *database.watches(data, environment),
            *figures.watches(environment),
        ]
        self.alarms = {watch.name: self._alarm(environment, watch) for watch in watches}
        dashboard.Dashboard(
            self, "Dashboard", environment, alarms=self.alarms, platform=platform, data=data
        )

    def _alarm(self, environment: Environment, watch: Watch) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            watch.name,
            alarm_name=f"shop-{environment.name}-{watch.name}",
            alarm_description=f"{watch.means} {RUNBOOK}#{watch.heading}",
            metric=watch.metric,
            threshold=watch.threshold,
            evaluation_periods=watch.periods,
            comparison_operator=watch.comparison,
            treat_missing_data=watch.missing,
        )
        action = actions.SnsAction(self.topic)
        alarm.add_alarm_action(action)
        alarm.add_ok_action(action)
        return alarm
