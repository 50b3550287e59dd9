"""What is watched: a figure, and from where on somebody is to be woken."""

from __future__ import annotations

import dataclasses

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
SILENCE_IS_GOOD = cloudwatch.TreatMissingData.NOT_BREACHING
SILENCE_IS_BAD = cloudwatch.TreatMissingData.BREACHING
MINUTE, FIVE_MINUTES = Duration.minutes(1), Duration.minutes(5)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Watch:
    """`heading` is the runbook's: several alarms may have one answer."""

    name: str
    means: str
    heading: str
    metric: cloudwatch.IMetric
    threshold: float
    periods: int = 3
    comparison: cloudwatch.ComparisonOperator = ABOVE
    missing: cloudwatch.TreatMissingData = SILENCE_IS_GOOD
