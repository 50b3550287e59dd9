from __future__ import annotations

import json
from pathlib import Path

import pytest

# What holds data: a logical id that changes is a resource that is replaced, and its data are gone.
HOLDING = (
    "AWS::RDS::DBInstance",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
    "AWS::ECR::Repository",
)
SNAPSHOT = Path(__file__).with_name("holding_data.json")
COUNTS = Path(__file__).with_name("resources.json")


def test_what_holds_data_keeps_its_name(templates):
    """If a change is meant: `python tests/snapshot.py`, and plan how the data get there."""
    found = {kind: sorted(templates.resources(kind)) for kind in HOLDING}

    assert found == json.loads(SNAPSHOT.read_text())[templates.environment.name]


def test_the_number_of_resources_changes_only_on_purpose(templates):
    """If a change is meant: `python tests/snapshot.py`."""
    found = {name: len(template["Resources"]) for name, template in templates.of.items()}

    assert found == json.loads(COUNTS.read_text())[templates.environment.name]


def test_the_database_of_production_outlives_mistakes(prod):
    [found] = prod.resources("AWS::RDS::DBInstance").values()

    assert found["DeletionPolicy"] == found["UpdateReplacePolicy"] == "Snapshot"
    expected = {
        "MultiAZ": True,
        "StorageEncrypted": True,
        "DeletionProtection": True,
        "DeleteAutomatedBackups": False,
        "BackupRetentionPeriod": 35,
        "PubliclyAccessible": False,
        "EngineVersion": "18",
    }
    assert {key: found["Properties"][key] for key in expected} == expected


def test_the_database_stands_where_the_internet_is_not(templates):
    [group] = templates.properties("AWS::RDS::DBSubnetGroup")
    outputs = [subnet["Fn::GetStackOutput"]["OutputName"] for subnet in group["SubnetIds"]]

    assert outputs
    assert all("dataSubnet" in output for output in outputs)


def test_buckets_and_secrets_outlive_their_stack(prod):
    kept = [*prod.resources("AWS::S3::Bucket").values()]
    kept += [
        secret
        for key, secret in prod.resources("AWS::SecretsManager::Secret").items()
        if key.startswith("data/Secrets")
    ]

    assert {resource["DeletionPolicy"] for resource in kept} == {"Retain"}


def test_only_pictures_can_be_read_by_everyone(templates):
    public = [
        bucket["BucketName"]
        for bucket in templates.properties("AWS::S3::Bucket")
        if not bucket["PublicAccessBlockConfiguration"].get("BlockPublicPolicy")
    ]

    assert ["-media-" in str(name) for name in public] == [True]


def test_anchors_cannot_be_changed_for_ten_years(prod):
    [lock] = [
        bucket["ObjectLockConfiguration"]
        for bucket in prod.properties("AWS::S3::Bucket")
        if bucket.get("ObjectLockEnabled")
    ]

    assert lock["Rule"]["DefaultRetention"] == {"Mode": "COMPLIANCE", "Days": 3650}


@pytest.mark.parametrize("user", ["Owner", "App"])
def test_passwords_of_the_database_change_each_month(prod, user):
    [rotation] = [
        rotation["Properties"]
        for name, rotation in prod.resources("AWS::SecretsManager::RotationSchedule").items()
        if f"Postgres{user}" in name
    ]

    kind = {"Owner": "PostgreSQLSingleUser", "App": "PostgreSQLMultiUser"}[user]
    assert rotation["HostedRotationLambda"]["RotationType"] == kind
    assert rotation["RotationRules"] == {"ScheduleExpression": "rate(30 days)"}
