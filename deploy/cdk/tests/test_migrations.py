"""The function that runs migrations, with a stand-in for ECS: it is one call and some looks."""

from __future__ import annotations

import importlib
import io
import json
import sys
import types

import pytest

ASKED = {
    "Cluster": "cluster",
    "TaskDefinition": "migrate:7",
    "Subnets": ["subnet"],
    "SecurityGroups": ["group"],
    "PublicIp": "DISABLED",
}
EVENT = {
    "RequestType": "Update",
    "StackId": "stack",
    "RequestId": "request",
    "LogicalResourceId": "migrateDone",
    "ResponseURL": "https://bucket.example/answer",
    "ResourceProperties": ASKED,
}


class Aws:
    """ECS and CloudFormation, as far as they are asked."""

    def __init__(self, *, exit_code=0, looks=2, status="UPDATE_IN_PROGRESS", failures=()):
        self.exit_code, self.looks, self.status, self.failures = exit_code, looks, status, failures
        self.started = []

    def describe_stacks(self, **asked):
        return {"Stacks": [{"StackStatus": self.status}]}

    def run_task(self, **asked):
        self.started.append(asked["taskDefinition"])
        return {"tasks": [] if self.failures else [{"taskArn": "task"}], "failures": self.failures}

    def describe_tasks(self, cluster, tasks):
        self.looks -= 1
        shop = {"name": "shop", "exitCode": self.exit_code}
        # The collector beside it ends as it likes.
        containers = [{"name": "collector", "exitCode": 137}, shop]
        status = "STOPPED" if self.looks <= 0 else "RUNNING"
        return {"tasks": [{"lastStatus": status, "containers": containers}]}


class Context:
    seconds = 800

    def get_remaining_time_in_millis(self):
        return self.seconds * 1000


@pytest.fixture
def answer(monkeypatch):
    """Run the handler, and return what CloudFormation was told."""
    monkeypatch.setitem(sys.modules, "boto3", types.SimpleNamespace(client=None))
    run_migrations = importlib.import_module("shop.services.run_migrations")

    def answered(aws, context=None, **event):
        told = []
        monkeypatch.setattr(run_migrations.boto3, "client", lambda service: aws)
        monkeypatch.setattr(run_migrations, "PAUSE", 0)
        monkeypatch.setattr(
            run_migrations.urllib.request,
            "urlopen",
            lambda request, timeout: told.append(json.loads(request.data)) or io.BytesIO(),
        )
        run_migrations.handler({**EVENT, **event}, context or Context())
        [only] = told
        return only["Status"], only["Reason"]

    return answered


def test_it_waits_until_the_task_has_ended_well(answer):
    aws = Aws(looks=3)

    assert answer(aws) == ("SUCCESS", "")
    assert (aws.started, aws.looks) == (["migrate:7"], 0)


def test_a_task_that_fails_fails_the_release(answer):
    status, reason = answer(Aws(exit_code=1))

    assert status == "FAILED"
    assert "task; read its log" in reason


def test_a_task_that_never_ran_fails_the_release(answer):
    assert answer(Aws(exit_code=None))[0] == "FAILED"


def test_a_task_that_cannot_start_fails_the_release(answer):
    status, reason = answer(Aws(failures=[{"reason": "RESOURCE:CPU"}]))

    assert (status, reason) == (
        "FAILED",
        "MigrationsFailed: no task was started: [{'reason': 'RESOURCE:CPU'}]",
    )


def test_it_answers_before_its_own_time_is_over(answer):
    context = Context()
    context.seconds = 10

    status, reason = answer(Aws(looks=100), context)

    assert (status, "not done in time" in reason) == ("FAILED", True)


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"])
def test_on_the_way_back_nothing_is_migrated(answer, status):
    aws = Aws(status=status, exit_code=1)

    assert answer(aws) == ("SUCCESS", "")
    assert aws.started == []


def test_nothing_is_migrated_when_the_stack_is_destroyed(answer):
    aws = Aws()

    assert answer(aws, RequestType="Delete") == ("SUCCESS", "")
    assert aws.started == []


def test_it_fits_into_a_template(templates):
    [code] = [
        each["Code"]["ZipFile"]
        for each in templates.properties("AWS::Lambda::Function")
        if "ZipFile" in each.get("Code", {})
    ]

    assert len(code) < 4096
