"""Tasks begin anew every ten days, so that none lives on with a password that no longer is."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from shop.services.service import Service
from shop.services.tasks import Release

# Passwords change every thirty days and the one before stays good: renewing every ten days, each
# task learns of a change twenty days before its old password ends.
EVERY = "rate(10 days)"


class Renewal(Construct):
    """A schedule per service that rolls it, as a release would, without changing anything."""

    def __init__(
        self, scope: Construct, name: str, release: Release, *, services: Sequence[Service]
    ) -> None:
        super().__init__(scope, name)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com"))
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["ecs:UpdateService"],
                resources=[service.fargate.service_arn for service in services],
            )
        )
        cluster = release.platform.cluster.cluster_name
        for service in services:
            asked = {
                "Cluster": cluster,
                "Service": service.fargate.service_name,
                "ForceNewDeployment": True,
            }
            scheduler.CfnSchedule(
                self,
                service.name,
                schedule_expression=EVERY,
                flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(
                    mode="FLEXIBLE", maximum_window_in_minutes=240
                ),
                target=scheduler.CfnSchedule.TargetProperty(
                    arn="arn:aws:scheduler:::aws-sdk:ecs:updateService",
                    role_arn=role.role_arn,
                    input=json.dumps(asked),
                ),
            )
