"""Migrations: run to their end before any service of the release is touched."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as functions
from aws_cdk import aws_logs as logs
from constructs import Construct

from shop.acknowledged import acknowledge
from shop.environments import Size
from shop.services.tasks import Release, Role, Task

PATIENCE = cdk.Duration.minutes(14)  # a function has fifteen, and must tell how it ended


class Migrations(Construct):
    """
    A one-off task, and a resource of the stack that is there once the task has ended well.

    Services depend on `done`; if it fails, CloudFormation goes back before one of them was changed.
    """

    def __init__(self, scope: Construct, name: str, release: Release) -> None:
        super().__init__(scope, name)
        self._release = release
        role = Role(
            entry_point=["python", "-m", "ecommerce.database_roles"],  # then becomes the command
            command=["python", "manage.py", "migrate"],
            size=Size(cpu=512, memory=1024),
            is_checked=False,
        )
        postgres = release.data.postgres
        self.task = Task(self, "Of", release, role, user=postgres.owner, app_user=postgres.app)
        function = self._function()
        self.done = cdk.CustomResource(
            self,
            "Done",
            resource_type="Custom::Migrations",
            service_token=function.function_arn,
            service_timeout=PATIENCE,
            properties={
                "Cluster": release.platform.cluster.cluster_arn,
                # Another release is another definition: only then anything is run.
                "TaskDefinition": self.task.definition.task_definition_arn,
                "Subnets": release.network.vpc.select_subnets(
                    subnet_group_name=release.network.task_subnets.subnet_group_name
                ).subnet_ids,
                "SecurityGroups": [release.network.worker_group.security_group_id],
                "PublicIp": "DISABLED" if release.environment.has_private_tasks else "ENABLED",
            },
        )
        self.done.node.add_dependency(function.role)  # with all that it is allowed

    @property
    def _tasks(self) -> str:
        stack = cdk.Stack.of(self)
        return f"arn:aws:ecs:{stack.region}:{stack.account}:task/*"

    def _function(self) -> functions.Function:
        log = logs.LogGroup(
            self,
            "RunLog",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        role = iam.Role(self, "RunRole", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log.grant_write(role)
        for statement in self._statements():
            role.add_to_policy(statement)
        function = functions.Function(
            self,
            "Run",
            role=role,
            log_group=log,
            description="Runs the release's migrations and waits for their end",
            runtime=functions.Runtime.PYTHON_3_14,
            architecture=functions.Architecture.ARM_64,
            handler="index.handler",
            timeout=PATIENCE,
            code=functions.Code.from_inline(
                Path(__file__).with_name("run_migrations.py").read_text()
            ),
        )
        acknowledge(role, f"IAM5[Resource::{self._tasks}]", "The task that it started is new.")
        return function

    def _statements(self) -> list[iam.PolicyStatement]:
        definition = self.task.definition
        in_cluster = {"ArnEquals": {"ecs:cluster": self._release.platform.cluster.cluster_arn}}
        roles = [definition.task_role.role_arn, definition.obtain_execution_role().role_arn]
        return [
            iam.PolicyStatement(
                actions=["ecs:RunTask"],
                resources=[definition.task_definition_arn],
                conditions=in_cluster,
            ),
            iam.PolicyStatement(
                actions=["ecs:DescribeTasks"], resources=[self._tasks], conditions=in_cluster
            ),
            iam.PolicyStatement(
                actions=["cloudformation:DescribeStacks"],
                resources=[cdk.Stack.of(self).stack_id],
            ),
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=roles,
                conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            ),
        ]
