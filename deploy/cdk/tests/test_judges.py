"""The judges themselves: each is seen to refuse."""

from __future__ import annotations

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks
from described import CONTEXT

from shop.acknowledged import acknowledge

REFUSED = "AwsSolutions-S10"


def stack_with_a_bucket():
    app = cdk.App(context=CONTEXT)
    bucket = s3.Bucket(cdk.Stack(app, "Stack"), "Bucket")
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app, bucket


def test_a_bucket_that_anyone_may_reach_without_tls_is_refused():
    app, _ = stack_with_a_bucket()

    with pytest.raises(Exception, match=REFUSED):
        app.synth()


def test_each_finding_is_acknowledged_by_itself():
    app, bucket = stack_with_a_bucket()
    acknowledge(bucket, "S1", "a test")

    with pytest.raises(Exception, match=REFUSED):
        app.synth()

    app, bucket = stack_with_a_bucket()
    acknowledge(bucket, "S1", "a test")
    acknowledge(bucket, "S10", "a test")
    app.synth()
