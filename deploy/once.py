"""
Runs a command of `manage.py` on AWS once, as a task of its own, and prints what it says.

    make once ENV=prod ARGS="bus status"

It has the image, the settings and the rights of the service `web`; --as names another service, and
--set changes a setting. These come before the command.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import boto3

Client = Any
PAUSE_SECONDS = 3
CONTAINER = "shop"


class ServiceMissing(Exception):
    """The cluster has no such service."""


def main() -> int:
    """Run what is asked for, and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.once",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--in", dest="environment", required=True)
    parser.add_argument("--as", dest="service", default="web")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("command")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    session = boto3.Session()
    ecs, logs = session.client("ecs"), session.client("logs")
    cluster = f"shop-{asked.environment}"
    service = find_service(ecs, cluster, asked.service)
    settings = dict(pair.split("=", 1) for pair in asked.set)
    task = start(ecs, cluster, service, [asked.command, *asked.arguments], settings)
    code = wait_for(ecs, cluster, task)
    print("\n".join(said(ecs, logs, service["taskDefinition"], task)))
    return code


def find_service(ecs: Client, cluster: str, name: str) -> dict[str, Any]:
    """
    Return a service as ECS describes it; CloudFormation puts more around its name.

    :raises ServiceMissing: naming those that there are.
    """
    pages = ecs.get_paginator("list_services").paginate(cluster=cluster)
    arns = sorted(arn for page in pages for arn in page["serviceArns"])
    compact = name.replace("-", "")
    found = [arn for arn in arns if f"-{compact}Service" in arn.rsplit("/", 1)[1]]
    if not found:
        raise ServiceMissing(f"{name}: there are {', '.join(arns) or 'none'}.")
    described: dict[str, Any] = ecs.describe_services(cluster=cluster, services=found)["services"][
        0
    ]
    return described


def start(
    ecs: Client,
    cluster: str,
    service: dict[str, Any],
    command: list[str],
    settings: dict[str, str],
) -> str:
    """Start a task like the service's, with another command and settings, and return its ARN."""
    changed = [{"name": name, "value": value} for name, value in settings.items()]
    container = {
        "name": CONTAINER,
        "command": ["manage", *command],
        "environment": changed,
    }
    task = ecs.run_task(
        cluster=cluster,
        taskDefinition=service["taskDefinition"],
        capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
        networkConfiguration=service["networkConfiguration"],
        overrides={"containerOverrides": [container]},
    )["tasks"][0]
    return str(task["taskArn"])


def wait_for(ecs: Client, cluster: str, task: str) -> int:
    """Wait until a task has stopped, and return its exit code; 1 if it never ran."""
    while True:
        described = ecs.describe_tasks(cluster=cluster, tasks=[task])["tasks"][0]
        if described["lastStatus"] == "STOPPED":
            [container] = [each for each in described["containers"] if each["name"] == CONTAINER]
            if "exitCode" not in container:
                print(described.get("stoppedReason", "It did not start."), file=sys.stderr)
            return int(container.get("exitCode", 1))
        time.sleep(PAUSE_SECONDS)


def said(ecs: Client, logs: Client, definition: str, task: str) -> list[str]:
    """Return the lines that a task has printed."""
    described = ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
    [container] = [e for e in described["containerDefinitions"] if e["name"] == CONTAINER]
    options = container["logConfiguration"]["options"]
    stream = f"{options['awslogs-stream-prefix']}/{CONTAINER}/{task.rsplit('/', 1)[1]}"
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=options["awslogs-group"], logStreamNames=[stream]
    )
    return [event["message"] for page in pages for event in page["events"]]


if __name__ == "__main__":
    sys.exit(main())
