"""How much waits: in the queues, and before them in the outbox."""

from __future__ import annotations

import os
from collections.abc import Mapping

import psycopg

from kernel.bus import sqs

_COUNTS = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
_UNSENT = "SELECT count(*) FROM bus_outbox WHERE sent_at IS NULL AND set_aside = ''"


class Backlog:
    """What is on its way. Asks the emulator itself: these requests are nobody's."""

    def __init__(
        self, database: psycopg.Connection, environment: Mapping[str, str], endpoint: str
    ) -> None:
        keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        os.environ.update({name: environment[name] for name in keys})
        self._database = database
        self._sqs = sqs.client(region=environment["AWS_DEFAULT_REGION"], endpoint=endpoint)
        urls = self._sqs.list_queues()["QueueUrls"]
        self._urls = {url.rpartition("shop-")[2]: url for url in urls}

    def unsent(self) -> int:
        """Return how many events the relay has not sent."""
        return int(self._database.execute(_UNSENT).fetchone()[0])  # type: ignore[index]

    def queued(self) -> int:
        """Return how many messages no worker has settled."""
        return sum(self._size(queue) for queue in self._urls if not queue.endswith("-dlq"))

    def dead(self) -> int:
        """Return how many messages lie in dead-letter queues."""
        return sum(self._size(queue) for queue in self._urls if queue.endswith("-dlq"))

    def _size(self, queue: str) -> int:
        answer = self._sqs.get_queue_attributes(QueueUrl=self._urls[queue], AttributeNames=_COUNTS)
        return sum(int(answer["Attributes"][name]) for name in _COUNTS)
