"""
Queues, their dead-letter queues and the buckets, as the emulator needs them made.

What is made here stands in docs/operations.md for those who make it on AWS.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import boto3
from django.conf import settings

from kernel import limits
from kernel.bus import sqs


def create_queues() -> list[str]:
    """Create what is missing of the queues, and return the names of all."""
    client = sqs.client(region=settings.AWS_REGION, endpoint=settings.AWS_ENDPOINT_URL)
    prefix = settings.QUEUE_URL_PREFIX.rsplit("/", 1)[1]
    names = [f"{prefix}{queue}" for queue in (*settings.QUEUES, *settings.FOREIGN_QUEUES)]
    for name in names:
        create_queue(client, name)
    return names


def create_queue(client: Any, name: str, *, visibility: int = limits.VISIBILITY_SECONDS) -> str:
    """Create a queue with its dead-letter queue, or set what differs; return its URL."""
    retention = {"MessageRetentionPeriod": str(limits.RETENTION_SECONDS)}
    arn = _arn(client, _create(client, f"{name}-dlq", retention))
    redrive = {"deadLetterTargetArn": arn, "maxReceiveCount": limits.MAX_RECEIVES}
    return _create(
        client,
        name,
        {
            **retention,
            "VisibilityTimeout": str(visibility),
            "RedrivePolicy": json.dumps(redrive),
        },
    )


def create_buckets() -> list[str]:
    """Create what is missing of the buckets, and return the names of all."""
    client = _s3()
    buckets = [settings.MEDIA_BUCKET, settings.INVOICES_BUCKET, settings.UPLOADS_BUCKET]
    wanted = [*buckets, settings.AUDIT_BUCKET]
    there = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    for bucket in wanted:
        if bucket not in there:
            is_locked = bucket == settings.AUDIT_BUCKET  # which can't be had later
            client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=is_locked, **_place())
    # Pages of any origin: what they may is said by the link's or the form's signature alone. (After
    # a redirect of the API the origin is `null`.)
    _open_to_pages(client, settings.INVOICES_BUCKET, methods=["GET"])
    _open_to_pages(client, settings.UPLOADS_BUCKET, methods=["POST", "PUT"])
    _forget_in_the_end(client, settings.UPLOADS_BUCKET, settings.UPLOADS_KEPT_DAYS)
    return wanted


def tell_of_uploads() -> None:
    """Let S3 tell on a queue what is uploaded; the queue and the bucket must be there."""
    client = sqs.client(region=settings.AWS_REGION, endpoint=settings.AWS_ENDPOINT_URL)
    bucket = settings.UPLOADS_BUCKET
    told = []
    for prefix, queue in settings.UPLOADS_TOLD.items():
        url = f"{settings.QUEUE_URL_PREFIX}{queue}"
        arn = _arn(client, url)
        policy = json.dumps(_may_send(arn, bucket))
        client.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        rules = [{"Name": "prefix", "Value": prefix}]
        told.append(
            {
                "QueueArn": arn,
                "Events": ["s3:ObjectCreated:*"],
                "Filter": {"Key": {"FilterRules": rules}},
            }
        )
    _s3().put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": told}
    )


def _may_send(arn: str, bucket: str) -> dict[str, Any]:
    """Return the queue's policy: S3 may send to it, and only for this bucket."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _open_to_pages(client: Any, bucket: str, *, methods: list[str]) -> None:
    rule = {"AllowedMethods": methods, "AllowedOrigins": ["*"], "AllowedHeaders": ["*"]}
    client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})


def _forget_in_the_end(client: Any, bucket: str, days: Mapping[str, int]) -> None:
    """Let S3 delete what the shop itself should have deleted, and parts of what never came."""
    rules = [
        {
            "ID": prefix,
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "Expiration": {"Days": kept},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": kept},
        }
        for prefix, kept in days.items()
    ]
    client.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": rules}
    )


def _s3() -> Any:
    return boto3.client(
        "s3", region_name=settings.AWS_REGION, endpoint_url=settings.AWS_ENDPOINT_URL
    )


def _arn(client: Any, url: str) -> str:
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn: str = answer["Attributes"]["QueueArn"]
    return arn


def _place() -> Any:
    if settings.AWS_REGION == "us-east-1":  # the one region that may not be named
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": settings.AWS_REGION}}


def _create(client: Any, name: str, attributes: dict[str, str]) -> str:
    # Without attributes this never refuses a queue that has others.
    url: str = client.create_queue(QueueName=name)["QueueUrl"]
    client.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    return url
