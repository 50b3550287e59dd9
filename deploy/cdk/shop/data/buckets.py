"""What is kept as files: pictures, invoices, uploads, the audit's anchors, and logs of access."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from shop.acknowledged import acknowledge
from shop.data.queues import Queues
from shop.environments import Environment
from shop.registry import Registry

_DAYS = cdk.Duration.days


class Buckets(Construct):
    """
    A bucket for each setting that names one.

    Their names follow from the environment and the account, so that nothing refers to this stack.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        environment: Environment,
        *,
        registry: Registry,
        queues: Queues,
        keeps: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, name)
        self._environment, self._registry, self._keeps = environment, registry, keeps
        self.access_logs = self._private(
            "Access-Logs", lifecycle_rules=[s3.LifecycleRule(expiration=_DAYS(90))]
        )
        self.media = self._media()
        self.invoices = self._invoices()
        self.uploads = self._uploads(queues)
        self.audit = self._audit()

    def name(self, of: str) -> str:
        """Return what the bucket is called."""
        return f"shop-{self._environment.name}-{of}-{cdk.Stack.of(self).account}"

    def _media(self) -> s3.Bucket:
        """Pictures: a key names its content, and whoever knows it may read; nobody may list."""
        bucket = self._logged(
            "Media",
            module="products",
            public_read_access=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ACLS_ONLY,
        )
        acknowledge(bucket, "S2", "Pages of any origin show pictures by their plain addresses.")
        return bucket

    def _invoices(self) -> s3.Bucket:
        return self._logged(
            "Invoices", module="invoices", versioned=True, cors=[_pages(s3.HttpMethods.GET)]
        )

    def _uploads(self, queues: Queues) -> s3.Bucket:
        """Files on their way in; S3 tells of them on a queue, and forgets them in the end."""
        bucket = self._logged(
            "Uploads",
            module="invoices",
            cors=[_pages(s3.HttpMethods.POST, s3.HttpMethods.PUT)],
            lifecycle_rules=[
                s3.LifecycleRule(
                    prefix=prefix,
                    expiration=_DAYS(days),
                    abort_incomplete_multipart_upload_after=_DAYS(days),
                )
                for prefix, days in self._registry.uploads_kept_days.items()
            ],
        )
        _tell(bucket, {prefix: queues.by_name[name] for prefix, name in self._told()})
        return bucket

    def _told(self) -> list[tuple[str, str]]:
        return sorted(self._registry.uploads_told.items())

    def _audit(self) -> s3.Bucket:
        """Keep the heads of the audit's chains where nobody can change them, us included."""
        days = _DAYS(self._environment.anchors_locked_days)
        lock = s3.ObjectLockRetention
        return self._logged(
            "Audit",
            module="audit",
            versioned=True,
            object_lock_enabled=True,
            object_lock_default_retention=lock.compliance(days)
            if self._environment.is_kept
            else lock.governance(days),
        )

    def _logged(self, name: str, *, module: str, **how: Any) -> s3.Bucket:
        bucket = self._private(
            name,
            server_access_logs_bucket=self.access_logs,
            server_access_logs_prefix=f"{name.lower()}/",
            **how,
        )
        cdk.Tags.of(bucket).add("module", module)
        return bucket

    def _private(self, name: str, **how: Any) -> s3.Bucket:
        usual = {
            "block_public_access": s3.BlockPublicAccess.BLOCK_ALL,
            "encryption": s3.BucketEncryption.S3_MANAGED,
            "object_ownership": s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            "enforce_ssl": True,
            "removal_policy": self._keeps,
        }
        return s3.Bucket(self, name, bucket_name=self.name(name.lower()), **{**usual, **how})


def _pages(*methods: s3.HttpMethods) -> s3.CorsRule:
    """Let pages of any origin in: what they may is said by the link's or the form's signature."""
    return s3.CorsRule(allowed_methods=[*methods], allowed_origins=["*"], allowed_headers=["*"])


def _tell(bucket: s3.Bucket, queues: dict[str, Any]) -> None:
    """Let S3 say what is stored. (CDK's own way needs a function that may change any bucket.)"""
    resource: Any = bucket.node.default_child
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        queue_configurations=[
            s3.CfnBucket.QueueConfigurationProperty(
                event="s3:ObjectCreated:*",
                queue=queue.queue_arn,
                filter=_below(prefix),
            )
            for prefix, queue in queues.items()
        ]
    )
    for queue in queues.values():
        granted = queue.add_to_resource_policy(_may_send(queue, cdk.Stack.of(bucket).account))
        resource.add_resource_dependency(
            granted.policy_dependable.node.default_child
        )  # S3 tries it at once


def _below(prefix: str) -> s3.CfnBucket.NotificationFilterProperty:
    rule = s3.CfnBucket.FilterRuleProperty(name="prefix", value=prefix)
    return s3.CfnBucket.NotificationFilterProperty(
        s3_key=s3.CfnBucket.S3KeyFilterProperty(rules=[rule])
    )


def _may_send(queue: Any, account: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        principals=[iam.ServicePrincipal("s3.amazonaws.com")],
        actions=["sqs:SendMessage"],
        resources=[queue.queue_arn],
        conditions={"StringEquals": {"aws:SourceAccount": account}},
    )
