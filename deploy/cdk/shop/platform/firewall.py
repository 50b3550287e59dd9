"""The web application firewall before the load balancer."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_wafv2 as waf
from constructs import Construct

# Of one address in five minutes: a shop's page asks a few dozen times, an office of a hundred
# people has one address. What one user may ask is counted by the shop itself.
REQUESTS = 20_000
MANAGED = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesSQLiRuleSet",
)
# Bodies may have a million bytes; the shop refuses larger ones by itself.
_ONLY_COUNTED = {"AWSManagedRulesCommonRuleSet": ["SizeRestrictions_BODY"]}


class Firewall(Construct):
    """AWS's managed rules, and a limit of requests by address."""

    def __init__(self, scope: Construct, name: str, *, balancer_arn: str) -> None:
        super().__init__(scope, name)
        self.acl = waf.CfnWebACL(
            self,
            "Acl",
            scope="REGIONAL",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_seen_as("shop"),
            rules=[_rate_limit(), *(_managed(i, rule) for i, rule in enumerate(MANAGED, start=1))],
        )
        waf.CfnWebACLAssociation(
            self, "AtBalancer", resource_arn=balancer_arn, web_acl_arn=self.acl.attr_arn
        )


def _rate_limit() -> waf.CfnWebACL.RuleProperty:
    limit = waf.CfnWebACL.RateBasedStatementProperty(limit=REQUESTS, aggregate_key_type="IP")
    return waf.CfnWebACL.RuleProperty(
        name="requests-by-address",
        priority=0,
        action=waf.CfnWebACL.RuleActionProperty(block={}),
        statement=waf.CfnWebACL.StatementProperty(rate_based_statement=limit),
        visibility_config=_seen_as("requests-by-address"),
    )


def _managed(priority: int, name: str) -> waf.CfnWebACL.RuleProperty:
    counted = waf.CfnWebACL.RuleActionProperty(count={})
    group = waf.CfnWebACL.ManagedRuleGroupStatementProperty(
        name=name,
        vendor_name="AWS",
        rule_action_overrides=[
            waf.CfnWebACL.RuleActionOverrideProperty(name=rule, action_to_use=counted)
            for rule in _ONLY_COUNTED.get(name, [])
        ],
    )
    return waf.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        override_action=waf.CfnWebACL.OverrideActionProperty(none={}),
        statement=waf.CfnWebACL.StatementProperty(managed_rule_group_statement=group),
        visibility_config=_seen_as(name),
    )


def _seen_as(name: str) -> Any:
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )
