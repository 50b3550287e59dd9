"""What cdk-nag finds and we want so: acknowledged where it is made, each finding by itself."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import IConstruct


def acknowledge(construct: IConstruct, finding: str, reason: str) -> None:
    """Say why a finding of the pack AwsSolutions, such as `S2`, is meant to be so."""
    stack = cdk.Stack.of(construct)
    if cdk.Token.is_unresolved(stack.account):  # nag writes it so
        finding = finding.replace(stack.account, "<AWS::AccountId>")
    cdk.Validations.of(construct).acknowledge(
        cdk.Acknowledgment(id=f"AwsSolutions::AwsSolutions-{finding}", reason=reason)
    )
