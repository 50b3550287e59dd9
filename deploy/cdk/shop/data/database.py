"""PostgreSQL, its two roles, and how their passwords change while the shop runs."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from shop.acknowledged import acknowledge
from shop.environments import Environment
from shop.network import Network

NAME, OWNER, APP = "shop", "shop_owner", "app"
VERSION = "18"
ROTATED_DAYS = 30
_PARAMETERS = {
    "rds.force_ssl": "1",
    "log_min_duration_statement": "500",
    "log_lock_waits": "1",
    "log_connections": "1",
}


class Postgres(Construct):
    """
    The database. `owner` may change tables and runs migrations; `app` is everything else.

    The owner's password is replaced, since nobody holds it for longer than a migration. The app
    has two users that take turns (`app` and `app_clone`, a member of it): who holds the password
    of the last month can go on until the next change, and by then the services have been renewed.
    """

    def __init__(
        self, scope: Construct, name: str, environment: Environment, *, network: Network
    ) -> None:
        super().__init__(scope, name)
        self.owner = rds.DatabaseSecret(self, "Owner", username=OWNER, dbname=NAME)
        self.app = rds.DatabaseSecret(
            self, "App", username=APP, dbname=NAME, master_secret=self.owner
        )
        self.instance = self._instance(environment, network)
        self._attached = self.app.attach(self.instance)  # adds where the database is
        if environment.has_private_tasks:
            self._rotate(network)
        else:
            for secret in (self.owner, self.app):
                acknowledge(secret, "SMG4", "Without NAT the rotating functions reach nobody.")

    @property
    def url(self) -> str:
        """DATABASE_URL, but for who asks: libpq reads that from PGUSER and PGPASSWORD."""
        endpoint = self.instance.instance_endpoint
        return f"postgresql://{endpoint.socket_address}/{NAME}?sslmode=require"

    def _instance(self, environment: Environment, network: Network) -> rds.DatabaseInstance:
        wanted, name = environment.database, f"shop-{environment.name}"
        # Before RDS makes it for ever.
        log = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/aws/rds/instance/{name}/postgresql",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        instance = rds.DatabaseInstance(
            self,
            "Instance",
            instance_identifier=name,
            engine=rds.DatabaseInstanceEngine.postgres(
                version=rds.PostgresEngineVersion.of(VERSION, VERSION)
            ),
            instance_type=ec2.InstanceType(wanted.instance),
            multi_az=wanted.is_multi_az,
            vpc=network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_group_name="data"),
            security_groups=[network.database_group],
            credentials=rds.Credentials.from_secret(self.owner),
            database_name=NAME,
            parameters=_PARAMETERS,
            **_storage(environment),
            **_watching(),
        )
        instance.node.add_dependency(log)
        acknowledge(instance, "RDS11", "The isolated subnets hide it, not an unusual port.")
        if not environment.is_kept:
            acknowledge(instance, "RDS10", "It is thrown away with its stack.")
            acknowledge(instance, "RDS13", "A day of backups is enough for what can be made anew.")
        if not wanted.is_multi_az:
            acknowledge(instance, "RDS3", "Whoever uses it can wait until it is back.")
        return instance

    def _rotate(self, network: Network) -> None:
        place: dict[str, Any] = {
            "vpc": network.vpc,
            "vpc_subnets": network.task_subnets,
            "security_groups": [network.rotation_group],
        }
        rotations = {
            self.owner: secrets.HostedRotation.postgre_sql_single_user(**place),
            self._attached: secrets.HostedRotation.postgre_sql_multi_user(
                master_secret=self.owner, **place
            ),
        }
        for secret, rotation in rotations.items():
            secret.add_rotation_schedule(
                "Rotation",
                hosted_rotation=rotation,
                automatically_after=cdk.Duration.days(ROTATED_DAYS),
                rotate_immediately_on_update=False,  # the first migration makes the role `app`
            )


def _storage(environment: Environment) -> dict[str, Any]:
    wanted, is_kept = environment.database, environment.is_kept
    return {
        "storage_type": rds.StorageType.GP3,
        "storage_encrypted": True,
        "allocated_storage": wanted.storage_gb,
        "max_allocated_storage": wanted.most_storage_gb,
        "backup_retention": cdk.Duration.days(wanted.backup_days),  # to any second of them
        "copy_tags_to_snapshot": True,
        "delete_automated_backups": not is_kept,
        "deletion_protection": is_kept,
        "removal_policy": cdk.RemovalPolicy.SNAPSHOT if is_kept else cdk.RemovalPolicy.DESTROY,
    }


def _watching() -> dict[str, Any]:
    return {
        "cloudwatch_logs_exports": ["postgresql"],
        "auto_minor_version_upgrade": True,
        "preferred_maintenance_window": "Tue:03:00-Tue:04:00",
        "preferred_backup_window": "01:00-02:00",
    }
