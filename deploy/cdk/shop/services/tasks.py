"""The containers: one image, the role as its argument, settings as the code reads them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from shop.acknowledged import acknowledge
from shop.data import Data
from shop.environments import Environment, Size
from shop.network import PORT, Network
from shop.platform import Platform
from shop.services import collector

# Longer than a worker's longest task and a request's grace; ECS knows no more than 120.
STOP_SECONDS = 110
# The image knows for each role what that means; a worker that hangs is not.
HEALTHY = ("python", "-m", "ecommerce.roles", "healthy")

_LOG_DAYS = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    365: logs.RetentionDays.ONE_YEAR,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Release:
    """What all tasks of a release have in common."""

    environment: Environment
    network: Network
    platform: Platform
    data: Data
    image: ecr.IRepository
    tag: str

    def settings(self) -> dict[str, str]:
        """Return what isn't secret, named as .env.example names it."""
        environment, buckets = self.environment, self.data.buckets
        return {
            "DATABASE_URL": self.data.postgres.url,
            "ALLOWED_HOSTS": json.dumps(["*"]),  # the load balancer passes on our host alone
            "CSRF_TRUSTED_ORIGINS": json.dumps([environment.origin]),
            "ENVIRONMENT": environment.name,
            "IS_HTTPS": "1",
            "PORT": str(PORT),
            "AWS_DEFAULT_REGION": environment.region,
            "QUEUE_URL_PREFIX": self.data.queues.url_prefix,
            "MEDIA_BUCKET": buckets.name("media"),
            "INVOICES_BUCKET": buckets.name("invoices"),
            "UPLOADS_BUCKET": buckets.name("uploads"),
            "AUDIT_BUCKET": buckets.name("audit"),
            "STREAMS_URL": f"{environment.origin}/streams",
            "STOREFRONT_URL": environment.origin,
            "EMAIL_SES": "1",
            "EMAIL_FROM": f"The Shop <shop@{environment.domain}>",
            **self._traces(),
        }

    def _traces(self) -> dict[str, str]:
        share = self.environment.traced_share
        if not share:
            return {}
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
            "OTEL_RESOURCE_ATTRIBUTES": f"deployment.environment.name={self.environment.name}",
            # By its id alone: all processes judge a trace alike, and no caller can have his kept.
            "OTEL_TRACES_SAMPLER": "traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": str(share),
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Role:
    """What a task does: the image's argument, and what only this role has."""

    command: Sequence[str]
    entry_point: Sequence[str] | None = None  # by default the image's
    size: Size
    secrets: Sequence[str] = ()  # of providers, by the settings' names
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    is_checked: bool = True
    module: str = ""


class Task(Construct):
    """One container of ours in a task of its own, and beside it the collector of traces."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        release: Release,
        role: Role,
        *,
        user: secretsmanager.ISecret,
        app_user: secretsmanager.ISecret | None = None,
    ) -> None:
        super().__init__(scope, name)
        self._release = release
        self.logs = logs.LogGroup(
            self,
            "Log",
            retention=_LOG_DAYS[release.environment.log_days],
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        self.definition = ecs.FargateTaskDefinition(
            self,
            "Task",
            cpu=role.size.cpu,
            memory_limit_mib=role.size.memory,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64,
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
            # The one place that may be written: the image's own /tmp says with which rights.
            volumes=[ecs.Volume(name="tmp")],
        )
        known = self._secrets(user, role.secrets)
        if app_user:  # the first migration makes it
            known["APP_PASSWORD"] = ecs.Secret.from_secrets_manager(app_user, "password")
        self._add_shop(role, known)
        if release.environment.traced_share:
            self._add_collector()
        if role.module:
            cdk.Tags.of(self).add("module", role.module)
        acknowledge(self.definition, "ECS2", "What is secret comes from Secrets Manager.")
        acknowledge(
            self.definition.obtain_execution_role(),
            "IAM5[Resource::*]",
            "ecr:GetAuthorizationToken knows no resource.",
        )

    def _add_shop(self, role: Role, secrets: dict[str, ecs.Secret]) -> None:
        container = self.definition.add_container(
            "shop",
            image=ecs.ContainerImage.from_ecr_repository(self._release.image, self._release.tag),
            command=[*role.command],
            entry_point=role.entry_point and [*role.entry_point],
            environment={**self._release.settings(), **role.settings},
            secrets=secrets,
            readonly_root_filesystem=True,
            stop_timeout=cdk.Duration.seconds(STOP_SECONDS),
            health_check=_checked() if role.is_checked else None,
            logging=self._logging("shop"),
            port_mappings=[ecs.PortMapping(container_port=PORT)],
        )
        mount = ecs.MountPoint(container_path="/tmp", source_volume="tmp", read_only=False)  # noqa: S108
        container.add_mount_points(mount)

    def _secrets(self, user: secretsmanager.ISecret, names: Sequence[str]) -> dict[str, ecs.Secret]:
        secrets, secret = self._release.data.secrets, ecs.Secret.from_secrets_manager
        return {
            "SECRET_KEY": secret(secrets.django),
            "PGUSER": secret(user, "username"),
            "PGPASSWORD": secret(user, "password"),
            **{name: secret(secrets.providers, name) for name in names},
        }

    def _add_collector(self) -> None:
        """Take traces from beside us and pass them on to X-Ray; we live on when it dies."""
        self.definition.add_container(
            "collector",
            image=ecs.ContainerImage.from_registry(collector.IMAGE),
            environment={"AOT_CONFIG_CONTENT": collector.configuration()},
            essential=False,
            readonly_root_filesystem=True,
            logging=self._logging("collector"),
        )
        self.definition.add_to_task_role_policy(
            iam.PolicyStatement(
                actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"]
            )
        )
        acknowledge(self.definition.task_role, "IAM5[Resource::*]", "X-Ray knows no resource.")

    def _logging(self, prefix: str) -> ecs.LogDriver:
        return ecs.LogDrivers.aws_logs(
            stream_prefix=prefix, log_group=self.logs, mode=ecs.AwsLogDriverMode.NON_BLOCKING
        )


def _checked() -> ecs.HealthCheck:
    return ecs.HealthCheck(
        command=["CMD", *HEALTHY],
        interval=cdk.Duration.seconds(20),
        timeout=cdk.Duration.seconds(10),
        retries=3,
        start_period=cdk.Duration.seconds(60),
    )
