from __future__ import annotations

import pytest


def named(templates, what):
    return {queue["QueueName"]: queue for queue in templates.properties("AWS::SQS::Queue")}[what]


def test_every_queue_of_the_code_has_one_and_a_dead_letter_queue(templates, registry):
    prefix = f"shop-{templates.environment.name}-"

    found = {queue["QueueName"] for queue in templates.properties("AWS::SQS::Queue")}

    assert found == {
        f"{prefix}{name}{suffix}" for name in registry.all_queues for suffix in ("", "-dlq")
    }


def test_a_queue_keeps_messages_as_the_code_expects(templates, registry):
    for name in registry.all_queues:
        queue = named(templates, f"shop-{templates.environment.name}-{name}")

        assert queue["VisibilityTimeout"] == registry.visibility_seconds
        assert queue["MessageRetentionPeriod"] == registry.retention_seconds
        assert queue["SqsManagedSseEnabled"] is True
        assert queue["RedrivePolicy"]["maxReceiveCount"] == registry.max_receives
        [dead, _] = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"]
        target = templates.of["data"]["Resources"][dead]["Properties"]
        assert target["QueueName"] == f"{queue['QueueName']}-dlq"
        assert target["MessageRetentionPeriod"] == registry.retention_seconds


def test_nobody_reaches_a_queue_without_tls(templates, registry):
    policies = templates.properties("AWS::SQS::QueuePolicy")
    closed = {
        policy["Queues"][0]["Ref"]
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    }

    queues = templates.resources("AWS::SQS::Queue")

    assert closed == {name.removeprefix("data/") for name in queues}


def test_s3_tells_of_uploads_on_the_queue_that_the_code_names(templates, registry):
    [told] = [
        bucket["NotificationConfiguration"]["QueueConfigurations"]
        for bucket in templates.properties("AWS::S3::Bucket")
        if "NotificationConfiguration" in bucket
    ]

    found = {
        each["Filter"]["S3Key"]["Rules"][0]["Value"]: templates.of["data"]["Resources"][
            each["Queue"]["Fn::GetAtt"][0]
        ]["Properties"]["QueueName"]
        for each in told
    }

    prefix = f"shop-{templates.environment.name}-"
    assert found == {key: f"{prefix}{queue}" for key, queue in registry.uploads_told.items()}


def test_s3_forgets_uploads_when_the_code_says_so(templates, registry):
    rules = [
        rule
        for bucket in templates.properties("AWS::S3::Bucket")
        if "uploads" in str(bucket["BucketName"])
        for rule in bucket["LifecycleConfiguration"]["Rules"]
    ]

    found = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules}

    assert found == registry.uploads_kept_days


@pytest.mark.parametrize("queues_per_worker", ["one", "kind", "all"])
def test_each_queue_has_exactly_one_worker(registry, queues_per_worker):
    groups = registry.groups(queues_per_worker)

    assert sorted(queue for queues in groups.values() for queue in queues) == sorted(
        registry.queues
    )
