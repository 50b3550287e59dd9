"""What `cdk` runs: the stacks of one environment, `-c env=dev`, at one image, `-c tag=…`."""

from __future__ import annotations

import os

import aws_cdk as cdk

from shop.app import build
from shop.environments import ENVIRONMENTS

app = cdk.App()
build(
    app,
    ENVIRONMENTS[app.node.try_get_context("env") or "dev"],
    tag=app.node.try_get_context("tag") or "none",
    account=os.environ.get("CDK_DEFAULT_ACCOUNT"),
)
app.synth()
