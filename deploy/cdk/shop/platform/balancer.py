"""The public load balancer: TLS, the host's name, access logs."""

from __future__ import annotations

from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_route53 as dns
from aws_cdk import aws_route53_targets as targets
from aws_cdk import aws_s3 as s3
from constructs import Construct

from shop.environments import Environment
from shop.network import Network


class Balancer(Construct):
    """An ALB that answers 404 to whoever asks for a host that no service has claimed."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        environment: Environment,
        *,
        network: Network,
        logs: s3.IBucket,
    ) -> None:
        super().__init__(scope, name)
        self.alb = elb.ApplicationLoadBalancer(
            self,
            "Alb",
            vpc=network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_group_name="public"),
            internet_facing=True,
            security_group=network.balancer_group,
            drop_invalid_header_fields=True,
            deletion_protection=environment.is_kept,
        )
        self.alb.log_access_logs(logs, prefix="alb")
        self.alb.add_redirect(open=False)
        zone = self._zone(environment)
        self.certificate = acm.Certificate(
            self,
            "Certificate",
            domain_name=environment.domain,
            validation=acm.CertificateValidation.from_dns(zone),
        )
        self.https = self.alb.add_listener(
            "Https",
            port=443,
            open=False,  # the security group stands in the network's stack
            certificates=[self.certificate],
            ssl_policy=elb.SslPolicy.RECOMMENDED_TLS,
            default_action=elb.ListenerAction.fixed_response(404),
        )
        if zone:
            target = dns.RecordTarget.from_alias(targets.LoadBalancerTarget(self.alb))
            dns.ARecord(self, "Address", zone=zone, record_name=environment.domain, target=target)

    def _zone(self, environment: Environment) -> dns.IHostedZone | None:
        if not environment.hosted_zone_id:
            return None
        return dns.HostedZone.from_hosted_zone_attributes(
            self,
            "Zone",
            hosted_zone_id=environment.hosted_zone_id,
            zone_name=environment.domain,
        )
