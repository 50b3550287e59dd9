"""What each role needs beyond its queues, and no more: buckets, secrets, mail."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam

from shop.acknowledged import acknowledge
from shop.registry import JOBS
from shop.services.tasks import Release

Bucket = Literal["media", "invoices", "uploads"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Needs:
    """Buckets by what is done in them, the secrets of others by their names."""

    reads: tuple[Bucket, ...] = ()
    writes: tuple[Bucket, ...] = ()
    deletes: tuple[Bucket, ...] = ()
    secrets: tuple[str, ...] = ()
    sends_mail: bool = False
    pays: bool = False  # knows the gateway, and so its secrets
    keeps_anchors: bool = False  # under Object Lock, of which it reads the oldest versions
    sees_queues: bool = False  # how many messages wait where: the admin shows it
    takes_dead_letters: bool = False

    def settings(self) -> dict[str, str]:
        """Return the settings that only these roles have."""
        return {"PAYMENT_GATEWAYS": json.dumps(["stripe"])} if self.pays else {}

    def __or__(self, other: Needs) -> Needs:
        """Return what both need together."""
        mine, others = dataclasses.asdict(self), dataclasses.asdict(other)
        return Needs(
            **{
                name: value or others[name]
                if isinstance(value, bool)
                else tuple(sorted({*value, *others[name]}))
                for name, value in mine.items()
            }
        )


_PAYMENT = Needs(pays=True, secrets=("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"))
WEB = (
    Needs(
        reads=("invoices", "uploads"),  # by signed links
        writes=("uploads",),  # by signed forms
        secrets=("SES_WEBHOOK_SECRET",),
        sees_queues=True,
    )
    | _PAYMENT
)
_MAIL = Needs(sends_mail=True)
BY_QUEUE = {
    "users-outside": _MAIL,
    "products-outside": Needs(reads=("media", "uploads"), writes=("media",), deletes=("uploads",)),
    "payment": _PAYMENT,
    "payment-outside": _PAYMENT,
    "invoices-outside": _MAIL
    | Needs(reads=("invoices", "uploads"), writes=("invoices",), deletes=("uploads",)),
    JOBS: Needs(
        keeps_anchors=True,
        takes_dead_letters=True,
        sees_queues=True,
    )
    | _PAYMENT,
}


def needs_of(queues: Iterable[str]) -> Needs:
    """Return what a worker of these queues needs."""
    needs = Needs()
    for queue in queues:
        needs |= BY_QUEUE.get(queue, Needs())
    return needs


def grant(task: ecs.TaskDefinition, needs: Needs, release: Release) -> None:
    """Let the task's role do what is needed. Secrets are the execution role's, by reference."""
    _grant_files(task, needs, release)
    queues = release.data.queues
    if needs.sees_queues:
        _allow(task, ["sqs:GetQueueAttributes"], [*queues.arns(), *queues.dead_arns()])
    if needs.takes_dead_letters:
        _allow(task, ["sqs:ReceiveMessage", "sqs:DeleteMessage"], queues.dead_arns())
    if needs.sends_mail:
        stack = cdk.Stack.of(task)
        identity = stack.format_arn(
            service="ses", resource="identity", resource_name=release.environment.domain
        )
        _allow(task, ["ses:SendEmail", "ses:SendRawEmail"], [identity])


def _grant_files(task: ecs.TaskDefinition, needs: Needs, release: Release) -> None:
    _grant_objects(task, release, needs.reads, ["s3:GetObject"])
    _grant_objects(task, release, needs.writes, ["s3:PutObject"])
    _grant_objects(task, release, needs.deletes, ["s3:DeleteObject"])
    if needs.reads:  # else what isn't there is forbidden, and nobody knows that it isn't there
        _allow(task, ["s3:ListBucket"], [_arn(release, name) for name in needs.reads])
    if needs.keeps_anchors:
        kept = ["s3:PutObject", "s3:PutObjectRetention", "s3:GetObjectVersion"]
        _grant_objects(task, release, ["audit"], kept)
        _allow(task, ["s3:ListBucketVersions"], [_arn(release, "audit")])


def _grant_objects(
    task: ecs.TaskDefinition, release: Release, buckets: Sequence[str], actions: list[str]
) -> None:
    arns = [f"{_arn(release, name)}/*" for name in buckets]
    if arns:
        _allow(task, actions, arns)
    for arn in arns:
        acknowledge(task.task_role, f"IAM5[Resource::{arn}]", "Any object of its bucket.")


def _arn(release: Release, bucket: str) -> str:
    return f"arn:aws:s3:::{release.data.buckets.name(bucket)}"


def _allow(task: ecs.TaskDefinition, actions: list[str], resources: list[str]) -> None:
    task.add_to_task_role_policy(iam.PolicyStatement(actions=actions, resources=resources))
