"""Queues, their dead-letter queues and the buckets, as the emulator needs them made."""

from __future__ import annotations

import json
from typing import Any

import boto3
from django.conf import settings

from kernel import limits
from kernel.bus import sqs


def create_queues() -> list[str]:
    """Create what is missing of the queues, and return the names of all."""
    client = sqs.client(region=settings.AWS_REGION, endpoint=settings.AWS_ENDPOINT_URL)
    prefix = settings.QUEUE_URL_PREFIX.rsplit("/", 1)[1]
    for queue in settings.QUEUES:
        create_queue(client, f"{prefix}{queue}")
    return [f"{prefix}{queue}" for queue in settings.QUEUES]


def create_queue(client: Any, name: str, *, visibility: int = limits.VISIBILITY_SECONDS) -> str:
    """Create a queue with its dead-letter queue, or set what differs; return its URL."""
    retention = {"MessageRetentionPeriod": str(limits.RETENTION_SECONDS)}
    dead = _create(client, f"{name}-dlq", retention)
    answer = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    arn = answer["Attributes"]["QueueArn"]
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
    client = boto3.client(
        "s3", region_name=settings.AWS_REGION, endpoint_url=settings.AWS_ENDPOINT_URL
    )
    wanted = [settings.MEDIA_BUCKET, settings.INVOICES_BUCKET, settings.UPLOADS_BUCKET]
    there = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    for bucket in wanted:
        if bucket not in there:
            client.create_bucket(Bucket=bucket, **_place())
    return wanted


def _place() -> Any:
    if settings.AWS_REGION == "us-east-1":  # the one region that may not be named
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": settings.AWS_REGION}}


def _create(client: Any, name: str, attributes: dict[str, str]) -> str:
    # Without attributes this never refuses a queue that has others.
    url: str = client.create_queue(QueueName=name)["QueueUrl"]
    client.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    return url
