"""The network: subnets, the ways out of them, and who may speak to whom."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from shop.acknowledged import acknowledge
from shop.environments import Environment

PORT = 8000  # where our containers listen
HTTP, HTTPS, POSTGRESQL = (ec2.Port.tcp(number) for number in (80, 443, 5432))
_SERVICES = {
    "sqs": ec2.InterfaceVpcEndpointAwsService.SQS,
    "ecr": ec2.InterfaceVpcEndpointAwsService.ECR,
    "ecr-docker": ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
    "logs": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    "secrets": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
}


class Network(cdk.Stack):
    """A VPC of public, private and isolated subnets, and a security group for each role."""

    def __init__(self, scope: Construct, name: str, environment: Environment, **stack: Any) -> None:
        super().__init__(scope, name, **stack)
        self._environment = environment
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr("10.20.0.0/16"),
            # Named, so that nobody has to ask AWS which there are.
            availability_zones=[f"{environment.region}{zone}" for zone in "abc"][
                : environment.zones
            ],
            nat_gateways=environment.nat_gateways,
            subnet_configuration=self._subnets(),
        )
        self._watch_flows()
        self._add_endpoints()
        self._add_security_groups()

    @property
    def task_subnets(self) -> ec2.SubnetSelection:
        """Where tasks stand."""
        name = "private" if self._environment.has_private_tasks else "public"
        return ec2.SubnetSelection(subnet_group_name=name)

    def _subnets(self) -> list[ec2.SubnetConfiguration]:
        subnet, kind = ec2.SubnetConfiguration, ec2.SubnetType
        private = subnet(name="private", subnet_type=kind.PRIVATE_WITH_EGRESS, cidr_mask=20)
        return [
            subnet(name="public", subnet_type=kind.PUBLIC, cidr_mask=22),
            subnet(name="data", subnet_type=kind.PRIVATE_ISOLATED, cidr_mask=24),
            *([private] if self._environment.has_private_tasks else []),
        ]

    def _watch_flows(self) -> None:
        group = logs.LogGroup(
            self,
            "FlowLog",
            retention=logs.RetentionDays.ONE_WEEK,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        self.vpc.add_flow_log(
            "Rejected",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(group),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )

    def _add_endpoints(self) -> None:
        self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)  # free
        for name in self._environment.interface_endpoints:
            self.vpc.add_interface_endpoint(name, service=_SERVICES[name])

    def _add_security_groups(self) -> None:
        self.balancer_group = self._group("Balancer", "the load balancer", is_open=False)
        self.partners_group = self._group("Partners", "the static addresses", is_open=False)
        self.served_group = self._group("Served", "web and streams", is_open=True)
        self.worker_group = self._group(
            "Worker", "workers, relay, scheduler, migrations", is_open=True
        )
        self.rotation_group = self._group("Rotation", "who changes passwords", is_open=True)
        self.database_group = self._group("Database", "PostgreSQL", is_open=False)
        for group in (self.served_group, self.worker_group, self.rotation_group):
            self.database_group.add_ingress_rule(group, POSTGRESQL)
        self.served_group.add_ingress_rule(self.balancer_group, ec2.Port.tcp(PORT))
        self.balancer_group.add_egress_rule(self.served_group, ec2.Port.tcp(PORT))
        self.partners_group.add_ingress_rule(ec2.Peer.any_ipv4(), HTTPS)
        self.partners_group.add_egress_rule(self.balancer_group, HTTPS)
        for port in (HTTP, HTTPS):
            self.balancer_group.add_ingress_rule(ec2.Peer.any_ipv4(), port)
        for group in (self.balancer_group, self.partners_group):
            acknowledge(group, "EC23", "The shop is open to everyone, by these two ports.")

    def _group(self, name: str, of: str, *, is_open: bool) -> ec2.SecurityGroup:
        """Return a group that lets nobody in; an open one may speak to anyone outside."""
        return ec2.SecurityGroup(
            self, name, vpc=self.vpc, description=f"Shop: {of}", allow_all_outbound=is_open
        )
