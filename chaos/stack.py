"""The shop that is hurt: its processes, its queues and its database, seen from outside."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection
from typing import Literal

import boto3
import psutil
import psycopg

from chaos.threads import Threads
from dev.run import Start

LOOK_SECONDS = 0.02
_Count = Literal["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]


class Stack:
    """What a fault may do to a running shop; for any thread but the supervisor's."""

    def __init__(self, start: Start, threads: Threads) -> None:
        self._supervisor, self._plan, self._threads = start.supervisor, start.plan, threads
        environment = start.plan.environment
        self._prefix = environment["QUEUE_URL_PREFIX"]
        self._sqs = boto3.client(
            "sqs",
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            region_name=environment["AWS_DEFAULT_REGION"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )

    @property
    def programs(self) -> list[str]:
        """The names of what is to run until the end."""
        return [name for name, child in self._supervisor.children.items() if child.is_kept]

    def connect(self, database: str = "app") -> psycopg.Connection:
        """
        Return a connection to one of the shop's databases.

        :raises psycopg.OperationalError: while it is down.
        """
        assert self._plan.postgres  # noqa: S101 -- this shop has its own
        url = self._plan.postgres.url(database)
        return psycopg.connect(url, autocommit=True, connect_timeout=5)

    def pid(self, program: str) -> int | None:
        """Return a program's process id; None between two lives."""
        process = self._supervisor.children[program].process
        return process.pid if process else None

    def processes(self, program: str) -> list[psutil.Process]:
        """Return a program's process and all below it."""
        try:
            first = psutil.Process(self.pid(program) or -1)
            return [first, *first.children(recursive=True)]
        except (psutil.NoSuchProcess, ValueError):
            return []

    def send(self, program: str, number: signal.Signals) -> None:
        """Send a signal to a program's process, as soon as it has one."""
        self.until(lambda: self.pid(program) is not None, 60)
        os.kill(self.pid(program) or 0, number)

    def send_to_child(self, program: str, number: signal.Signals) -> None:
        """Send a signal to a child of a program's process."""
        self.until(lambda: len(self.processes(program)) > 1, 60)
        self.processes(program)[1].send_signal(number)

    def waiting(self, queues: Collection[str]) -> int:
        """Return how many messages these queues show."""
        return self._count(queues, "ApproximateNumberOfMessages")

    def hidden(self, queues: Collection[str]) -> int:
        """Return how many messages of these queues someone has received, and not settled."""
        return self._count(queues, "ApproximateNumberOfMessagesNotVisible")

    def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until the condition holds; return whether it did in time."""
        deadline = time.monotonic() + seconds
        while not (holds := condition()) and time.monotonic() < deadline:
            self._threads.pause(LOOK_SECONDS)
        return holds

    def pause(self, seconds: float) -> None:
        """Wait."""
        self._threads.pause(seconds)

    def _count(self, queues: Collection[str], attribute: _Count) -> int:
        answers = [
            self._sqs.get_queue_attributes(
                QueueUrl=f"{self._prefix}{queue}", AttributeNames=[attribute]
            )
            for queue in queues
        ]
        return sum(int(answer["Attributes"][attribute]) for answer in answers)
