"""`make once`: a command of manage.py as a task of its own, on an emulator of AWS."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from deploy import once
from deploy.rehearsal.aws import Aws, emulator

SERVICES = ("web", "workerorders", "workerordersoutside")


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """Return an emulator that has a cluster with services, named as CloudFormation names them."""
    with emulator(tmp_path_factory.mktemp("aws")) as aws:
        ecs, logs = aws.client("ecs"), aws.client("logs")
        ecs.create_cluster(clusterName="shop-prod")
        place = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["group-1"]}}
        for name in SERVICES:
            logs.create_log_group(logGroupName=name)
            logging = {
                "logDriver": "awslogs",
                "options": {"awslogs-group": name, "awslogs-stream-prefix": "shop"},
            }
            container = {"name": "shop", "image": "shop", "logConfiguration": logging}
            ecs.register_task_definition(
                family=name, networkMode="awsvpc", containerDefinitions=[container]
            )
            ecs.create_service(
                cluster="shop-prod",
                serviceName=f"Shop-prod-Services-{name}Service0F5A-x1",
                taskDefinition=name,
                desiredCount=0,
                networkConfiguration=place,
            )
        yield aws


@pytest.fixture
def run(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(once, "PAUSE_SECONDS", 0.1)
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["once", "--in", "prod", *arguments])
        return once.main()

    return run


@pytest.mark.parametrize("code", [0, 3])
def test_a_command_runs_as_a_task_whose_end_is_its_own(aws: Aws, run: Any, code: int) -> None:
    aws.tasks_end_with(code)

    assert run("bus", "dead", "list", "--handler", "orders.remember_stock") == code


def test_settings_come_before_the_command(
    aws: Aws, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setattr(once, "start", lambda *asked: started.append(asked[3:]) or "task")
    monkeypatch.setattr(once, "wait_for", lambda *_: 0)
    monkeypatch.setattr(once, "said", lambda *_: [])

    run("--set", "DATABASE_URL=postgresql://then/shop?sslmode=require", "bus", "status", "--json")

    settings = {"DATABASE_URL": "postgresql://then/shop?sslmode=require"}
    assert started == [(["bus", "status", "--json"], settings)]


def test_a_task_is_like_the_services_but_for_what_was_asked_for(aws: Aws) -> None:
    ecs = aws.client("ecs")
    service = once.find_service(ecs, "shop-prod", "worker-orders")

    assert service["serviceName"] == "Shop-prod-Services-workerordersService0F5A-x1"
    arn = once.start(ecs, "shop-prod", service, ["bus", "status"], {"LOG_LEVEL": "DEBUG"})
    [task] = ecs.describe_tasks(cluster="shop-prod", tasks=[arn])["tasks"]
    assert task["taskDefinitionArn"] == service["taskDefinition"]
    [container] = task["overrides"]["containerOverrides"]
    assert container == {
        "name": "shop",
        "command": ["manage", "bus", "status"],
        "environment": [{"name": "LOG_LEVEL", "value": "DEBUG"}],
    }


def test_what_it_said_is_read_from_its_own_stream(aws: Aws) -> None:
    ecs, logs = aws.client("ecs"), aws.client("logs")
    service = once.find_service(ecs, "shop-prod", "web")
    for task, lines in {"1": ["sent: 3", "dead: 0"], "2": ["another's"]}.items():
        stream = f"shop/shop/{task}"
        logs.create_log_stream(logGroupName="web", logStreamName=stream)
        events = [
            {"timestamp": 1_900_000_000_000 + i, "message": line} for i, line in enumerate(lines)
        ]
        logs.put_log_events(logGroupName="web", logStreamName=stream, logEvents=events)

    found = once.said(ecs, logs, service["taskDefinition"], "arn:aws:ecs:x:0:task/shop-prod/1")
    assert found == ["sent: 3", "dead: 0"]


def test_a_service_that_is_not_there_is_told_with_those_that_are(aws: Aws) -> None:
    with pytest.raises(once.ServiceMissing, match=r"worker-lost: there are .*webService"):
        once.find_service(aws.client("ecs"), "shop-prod", "worker-lost")
