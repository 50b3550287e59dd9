"""Addresses that never change, for partners whose firewalls want some, and PrivateLink."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_elasticloadbalancingv2_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from shop.acknowledged import acknowledge
from shop.environments import Environment
from shop.network import Network
from shop.platform.balancer import Balancer

HEALTH = "/"  # the ALB answers 404 to a host that nobody has claimed: it is alive


class StaticAddresses(Construct):
    """An NLB with an elastic address per zone that passes TLS through to the ALB."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        environment: Environment,
        *,
        network: Network,
        balancer: Balancer,
    ) -> None:
        super().__init__(scope, name)
        subnets = network.vpc.select_subnets(subnet_group_name="public").subnets
        self.nlb = elb.NetworkLoadBalancer(
            self,
            "Nlb",
            vpc=network.vpc,
            internet_facing=True,
            security_groups=[network.partners_group],
            subnet_mappings=[self._address(subnet, i) for i, subnet in enumerate(subnets)],
            deletion_protection=environment.is_kept,
        )
        acknowledge(self.nlb, "ELB2", "It passes TCP through and has nothing to log; the ALB logs.")
        listener = self.nlb.add_listener("Tls", port=443)
        listener.add_targets(
            "Alb",
            port=443,
            targets=[targets.AlbListenerTarget(balancer.https)],
            health_check=elb.HealthCheck(
                protocol=elb.Protocol.HTTPS, path=HEALTH, healthy_http_codes="404"
            ),
        )
        self.private_link = ec2.VpcEndpointService(
            self,
            "PrivateLink",
            vpc_endpoint_service_load_balancers=[self.nlb],
            acceptance_required=True,
            allowed_principals=[iam.ArnPrincipal(arn) for arn in environment.partners],
        )

    def _address(self, subnet: ec2.ISubnet, number: int) -> elb.SubnetMapping:
        address = ec2.CfnEIP(self, f"Address{number}", domain="vpc")
        return elb.SubnetMapping(subnet=subnet, allocation_id=address.attr_allocation_id)
