"""What customers notice: slow orders, errors, a certificate that ends."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_logs as logs

from shop.observability.figures import NAMESPACE
from shop.observability.watch import BELOW, FIVE_MINUTES, MINUTE, Watch
from shop.platform import Platform
from shop.services import Services

PLACE_ORDER = "PlaceOrderMilliseconds"


def watches(platform: Platform, services: Services) -> list[Watch]:
    """Return what is watched at the way in."""
    alb = platform.balancer.alb
    return [
        Watch(
            name="place-order-slow",
            means="One in a hundred orders takes a second or more to be placed.",
            heading="orders-are-slow",
            metric=_place_order(services),
            threshold=1000,
        ),
        Watch(
            name="errors-of-the-shop",
            means="Requests end as 5xx.",
            heading="errors",
            metric=alb.metrics.http_code_target(
                elb.HttpCodeTarget.TARGET_5XX_COUNT, period=MINUTE, statistic="Sum"
            ),
            threshold=10,
        ),
        Watch(
            name="errors-of-the-balancer",
            means="No task answers: the balancer itself says 5xx.",
            heading="errors",
            metric=alb.metrics.http_code_elb(
                elb.HttpCodeElb.ELB_5XX_COUNT, period=MINUTE, statistic="Sum"
            ),
            threshold=10,
        ),
        Watch(
            name="certificate-ends",
            means="The certificate was not renewed by itself.",
            heading="the-certificate-ends",
            metric=platform.balancer.certificate.metric_days_to_expiry(period=Duration.days(1)),
            threshold=30,
            periods=1,
            comparison=BELOW,
        ),
    ]


def _place_order(services: Services) -> cloudwatch.Metric:
    """Read from the web's log how long POST /orders took: the balancer knows no paths."""
    said = logs.FilterPattern.string_value
    found = logs.MetricFilter(
        services.web,
        "PlaceOrder",
        log_group=services.web.task.logs,
        metric_namespace=NAMESPACE,
        metric_name=PLACE_ORDER,
        metric_value="$.ms",
        filter_pattern=logs.FilterPattern.all(
            said("$.message", "=", "request"),
            said("$.method", "=", "POST"),
            said("$.path", "=", "/api/v1/orders"),
        ),
    )
    return found.metric(statistic="p99", period=FIVE_MINUTES)
