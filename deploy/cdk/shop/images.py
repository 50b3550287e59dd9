"""Where images lie: a tag is a commit, and never moves."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from shop.environments import Environment

KEPT = 100  # images: each can be rolled back to


class Images(cdk.Stack):
    """One repository for the one image."""

    def __init__(self, scope: Construct, name: str, environment: Environment, **stack: Any) -> None:
        super().__init__(scope, name, **stack)
        self.repository = ecr.Repository(
            self,
            "Shop",
            repository_name=f"shop-{environment.name}",
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            lifecycle_rules=[ecr.LifecycleRule(max_image_count=KEPT)],
            removal_policy=cdk.RemovalPolicy.RETAIN
            if environment.is_kept
            else cdk.RemovalPolicy.DESTROY,
        )
