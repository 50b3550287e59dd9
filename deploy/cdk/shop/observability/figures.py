"""Figures that the shop itself tells, as CloudWatch reads them from its log (EMF)."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch

from shop.environments import Environment
from shop.observability.watch import FIVE_MINUTES, MINUTE, Watch

NAMESPACE = "Shop"
DIMENSION = "Environment"

# Each is the number, or amount in minor units, since it was last told.
ORDERS = ("OrdersPlaced", "OrdersFulfilled", "OrdersFailed")
AMOUNTS = ("AmountCaptured", "AmountRefunded", "AmountLost")
DUPLICATES = "DuplicateProductCodes"
# Each is what is so now.
OUTBOX_AGE = "OutboxAgeSeconds"
DEAD = "DeadDeliveries"
DIFFERENCES = "PaymentDifferences"
ALL = (*ORDERS, *AMOUNTS, DUPLICATES, OUTBOX_AGE, DEAD, DIFFERENCES)

OUTBOX_SECONDS = 60


def figure(environment: Environment, name: str, *, statistic: str = "Maximum") -> cloudwatch.Metric:
    """Return a figure of the shop's."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={DIMENSION: environment.name},
        statistic=statistic,
        period=MINUTE if statistic == "Maximum" else FIVE_MINUTES,
    )


def watches(environment: Environment) -> list[Watch]:
    """Return what is watched of what the shop says."""
    return [
        Watch(
            name="outbox-age",
            means="Events are not sent: every relay is down, or SQS is.",
            heading="events-are-not-sent",
            metric=figure(environment, OUTBOX_AGE),
            threshold=OUTBOX_SECONDS,
        ),
        Watch(
            name="dead-deliveries",
            means="Handlers gave up on events, and nobody has redriven or discarded them.",
            heading="dead-deliveries",
            metric=figure(environment, DEAD),
            threshold=1,
        ),
        Watch(
            name="payment-differences",
            means="The gateway's books and ours differ.",
            heading="payments-differ",
            metric=figure(environment, DIFFERENCES),
            threshold=1,
            periods=1,
        ),
        Watch(
            name="duplicate-product-codes",
            means="Somebody tried to give a product the code of another one; it was refused.",
            heading="a-product-code-was-taken",
            metric=figure(environment, DUPLICATES),
            threshold=1,
            periods=1,
        ),
    ]
