"""What there is on the emulator, in the words of a test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from deploy.cli import FOLDER
from deploy.rehearsal.aws import Aws


class Found:
    """Stacks, queues, services and migrations of one environment."""

    def __init__(self, aws: Aws, name: str) -> None:
        self._aws, self._name = aws, name

    def stacks(self) -> dict[str, str]:
        """Return the state of each stack, by what it holds."""
        pages = self._aws.client("cloudformation").get_paginator("describe_stacks").paginate()
        prefix = f"Shop-{self._name}-"
        return {
            stack["StackName"].removeprefix(prefix): stack["StackStatus"]
            for page in pages
            for stack in page["Stacks"]
            if stack["StackName"].startswith(prefix)
        }

    def queues(self) -> dict[str, str]:
        """Return the dead-letter queue of each queue."""
        client, found = self._aws.client("sqs"), {}
        for url in client.list_queues(MaxResults=1000).get("QueueUrls", []):
            asked = client.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])
            if policy := asked.get("Attributes", {}).get("RedrivePolicy"):
                found[_last(url)] = json.loads(policy)["deadLetterTargetArn"].rsplit(":", 1)[1]
        return found

    def expected_queues(self) -> dict[str, str]:
        """Return what the code wants `queues` to be."""
        said = json.loads((FOLDER / "shop/registry.json").read_text())
        names = [f"shop-{self._name}-{queue}" for queue in said["queues"] + said["foreign_queues"]]
        return {name: f"{name}-dlq" for name in names}

    def services(self) -> dict[str, str]:
        """Return the image of each service."""
        return {name: self._image(arn) for name, arn in self.definitions().items()}

    def definitions(self) -> dict[str, str]:
        """Return the task definition of each service."""
        ecs = self._aws.client("ecs")
        found = {}
        for cluster in ecs.list_clusters()["clusterArns"]:
            for arn in ecs.list_services(cluster=cluster, maxResults=100)["serviceArns"]:
                [service] = ecs.describe_services(cluster=cluster, services=[arn])["services"]
                found[service["serviceName"]] = service["taskDefinition"]
        return found

    def tags(self) -> set[str]:
        """Return which releases' images services run."""
        return {image.rsplit(":", 1)[1] for image in self.services().values()}

    def migrations(self) -> list[str]:
        """Return the releases whose migrations were run, in that order."""
        tasks = [task for task in self._tasks() if not task["group"].startswith("service:")]
        tasks.sort(key=lambda task: task["createdAt"])
        return [self._image(task["taskDefinitionArn"]).rsplit(":", 1)[1] for task in tasks]

    def _tasks(self) -> Iterator[dict[str, Any]]:
        ecs = self._aws.client("ecs")
        for cluster in ecs.list_clusters()["clusterArns"]:
            arns = ecs.list_tasks(cluster=cluster, desiredStatus="STOPPED")["taskArns"]
            if arns:
                yield from ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]

    def _image(self, definition: str) -> str:
        asked = self._aws.client("ecs").describe_task_definition(taskDefinition=definition)
        containers = asked["taskDefinition"]["containerDefinitions"]
        [image] = [each["image"] for each in containers if each["name"] == "shop"]
        return str(image)


def _last(url: str) -> str:
    return url.rsplit("/", 1)[1]
