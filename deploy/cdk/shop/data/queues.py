"""A queue, with its dead-letter queue, for each that the code names."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from shop.environments import Environment
from shop.registry import Registry, module_of


class Queues(Construct):
    """`by_name` and `dead` hold them by the names that the code has for them."""

    def __init__(
        self, scope: Construct, name: str, environment: Environment, *, registry: Registry
    ) -> None:
        super().__init__(scope, name)
        self._registry = registry
        self._prefix = f"shop-{environment.name}-"
        self.by_name: dict[str, sqs.Queue] = {}
        self.dead: dict[str, sqs.Queue] = {}
        for queue in registry.all_queues:
            self._add(queue)

    @property
    def url_prefix(self) -> str:
        """QUEUE_URL_PREFIX: what the code puts before a queue's name."""
        stack = cdk.Stack.of(self)
        return f"https://sqs.{stack.region}.amazonaws.com/{stack.account}/{self._prefix}"

    def arns(self, names: list[str] | None = None) -> list[str]:
        """Return the ARNs of some queues, or of all."""
        return [self.by_name[name].queue_arn for name in names or self.by_name]

    def dead_arns(self) -> list[str]:
        """Return the ARNs of all dead-letter queues."""
        return [queue.queue_arn for queue in self.dead.values()]

    def _add(self, name: str) -> None:
        registry = self._registry
        retention = cdk.Duration.seconds(registry.retention_seconds)
        dead = self._queue(f"{name}-dlq", retention_period=retention)
        queue = self._queue(
            name,
            retention_period=retention,
            visibility_timeout=cdk.Duration.seconds(registry.visibility_seconds),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=dead, max_receive_count=registry.max_receives
            ),
        )
        self.by_name[name], self.dead[name] = queue, dead
        for each in (queue, dead):
            cdk.Tags.of(each).add("module", module_of(name))

    def _queue(self, name: str, **how: object) -> sqs.Queue:
        return sqs.Queue(
            self,
            name,
            queue_name=f"{self._prefix}{name}",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            **how,
        )
