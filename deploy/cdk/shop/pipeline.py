"""Who may deploy: a workflow of one repository, in one of its environments, for an hour."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from shop.acknowledged import acknowledge
from shop.environments import Environment
from shop.images import Images

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
QUALIFIER = cdk.DefaultStackSynthesizer.DEFAULT_QUALIFIER
PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:DescribeImages",
    "ecr:GetDownloadUrlForLayer",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)


class Pipeline(cdk.Stack):
    """The role that .github/workflows/release.yml takes on: push the image, hand over to CDK."""

    def __init__(
        self, scope: Construct, name: str, environment: Environment, *, images: Images, **stack: Any
    ) -> None:
        super().__init__(scope, name, **stack)
        provider = iam.CfnOIDCProvider(
            self, "GitHub", url=f"https://{ISSUER}", client_id_list=[AUDIENCE]
        )
        subject = f"repo:{environment.repository}:environment:{environment.name}"
        self.role = iam.Role(
            self,
            "Deployer",
            role_name=f"shop-{environment.name}-deployer",
            max_session_duration=cdk.Duration.hours(1),
            assumed_by=iam.FederatedPrincipal(
                provider.attr_arn,
                {"StringEquals": {f"{ISSUER}:aud": AUDIENCE, f"{ISSUER}:sub": subject}},
                "sts:AssumeRoleWithWebIdentity",
            ),
        )
        for statement in self._statements(images):
            self.role.add_to_policy(statement)
        acknowledge(self.role, "IAM5[Resource::*]", "ecr:GetAuthorizationToken knows no resource.")
        cdk.CfnOutput(self, "DeployerArn", value=self.role.role_arn)

    def _statements(self, images: Images) -> list[iam.PolicyStatement]:
        # What CDK's bootstrap made: they deploy, look up and publish; this role does none of it.
        made = [
            f"arn:aws:iam::{self.account}:role/cdk-{QUALIFIER}-{role}-{self.account}-{self.region}"
            for role in ("deploy-role", "lookup-role", "file-publishing-role")
        ]
        return [
            iam.PolicyStatement(actions=["sts:AssumeRole"], resources=made),
            iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"]),
            iam.PolicyStatement(actions=[*PUSH], resources=[images.repository.repository_arn]),
        ]
