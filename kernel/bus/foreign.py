"""
What others tell: S3 notes each upload on a queue that no Celery worker reads.

A thread of the relay's process hands each upload to the function that an app has declared for
the queue, in a transaction, and acknowledges afterwards. Who dies in between is told again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import unquote_plus

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection

from kernel import limits, tracing
from kernel.bus import context, sqs
from kernel.ids import new_id
from kernel.transactions import transaction

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 2.0  # when SQS or the database is away
_TEST = "s3:TestEvent"  # sent once, when a bucket is told to tell


@dataclasses.dataclass(frozen=True)
class StoredFile:
    """
    S3 has stored a file. It may say so twice, late, and in any order.

    `key` and `sequencer` name the upload; of two with one key the greater sequencer is the later.
    """

    bucket: str
    key: str
    size: int
    etag: str
    sequencer: str
    stored_at: dt.datetime


Take = Callable[[StoredFile], None]
_TAKERS: dict[str, Take] = {}


class StrangeMessage(Exception):
    """A message is no notification of S3's."""


def foreign(queue: str) -> Callable[[Take], Take]:
    """
    Let the decorated function of `apps/<app>/handlers.py` take what is told on a queue.

    It runs in a transaction; what it publishes is what the shop hears of it. Being told the same
    again, it must change nothing.
    """

    def register(func: Take) -> Take:
        _TAKERS[queue] = func
        return func

    return register


def takers() -> dict[str, Take]:
    """Return who takes what is told, by queue."""
    return dict(_TAKERS)


@contextlib.contextmanager
def polling(*, at_end: Callable[[], None]) -> Iterator[None]:
    """
    Take what is told on every queue while the block runs, in threads.

    `at_end` is called when a thread ends, be it by a fault of its own.
    """
    pollers = [Poller(queue, take) for queue, take in sorted(_TAKERS.items())]

    def run(poller: Poller) -> None:
        try:
            poller.run()
        finally:
            at_end()

    threads = [threading.Thread(target=run, args=(each,), daemon=True) for each in pollers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for poller in pollers:
            poller.stop()
        for thread in threads:
            thread.join()


class Poller:
    """Takes what is told on one queue; several may run at once."""

    def __init__(self, queue: str, take: Take) -> None:
        self._take, self._actor = take, f"{take.__module__.split('.')[1]}.{take.__name__}"
        self._url = f"{settings.QUEUE_URL_PREFIX}{queue}"
        # As with workers: it stops when its last poll ends, soon where polls cost nothing.
        self._wait = 2 if settings.AWS_ENDPOINT_URL else 10
        self._sqs = sqs.client(
            region=settings.AWS_REGION,
            endpoint=settings.AWS_ENDPOINT_URL,
            patience=self._wait + limits.SQS_CALL_SECONDS,
        )
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End `run` after the poll that is under way."""
        self._stopping.set()

    def run(self) -> None:
        """Take what comes until `stop`; outlive the database's and SQS's absence."""
        try:
            while not self._stopping.is_set():
                try:
                    self.poll()
                except (*sqs.FAILURES, DatabaseError) as error:
                    log.warning("not_told", url=self._url, error=type(error).__name__)
                    self._stopping.wait(PAUSE_SECONDS)
        finally:
            connection.close()

    def poll(self) -> int:
        """
        Take what is there, or comes within a few seconds; return how many messages are done.

        What isn't done comes again, and in the end lies in the dead-letter queue.
        """
        # Without a database nothing is received: each receive is one try less.
        close_old_connections()
        connection.ensure_connection()
        answer = self._sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=sqs.BATCH, WaitTimeSeconds=self._wait
        )
        done = [each for each in answer.get("Messages", ()) if self._is_taken(each["Body"])]
        self._delete(done)
        return len(done)

    def _is_taken(self, body: str) -> bool:
        try:
            files = files_in(body)
        except StrangeMessage as error:
            log.error("strange_message", url=self._url, error=str(error))  # noqa: TRY400 -- no bug
            return False
        taken = [self._is_file_taken(file) for file in files]  # each has its chance
        return all(taken)

    def _is_file_taken(self, file: StoredFile) -> bool:
        """Hand on one file; as in the inbox, whatever fails must not stop the others."""
        try:
            with tracing.span(self._actor, "consumer") as span:
                cause = context.Context(self._actor, str(new_id()), traceparent=span.traceparent)
                with context.acting(cause), transaction():
                    self._take(file)
        except Exception as error:  # noqa: BLE001 -- told again, and dead in the end
            log.warning("taker_failed", taker=self._actor, error=type(error).__name__)
            return False
        return True

    def _delete(self, done: Sequence[Any]) -> None:
        """Acknowledge; a message that stays after all is told again, and changes nothing then."""
        if not done:
            return
        entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(done)]
        failed = self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries).get("Failed")
        if failed:
            log.warning(
                "deleting_failed", url=self._url, n=len(failed), error=failed[0].get("Code")
            )


def files_in(body: str) -> list[StoredFile]:
    """
    Return the files that a message says were stored; none in S3's test.

    :raises StrangeMessage: if it is no notification of S3's.
    """
    try:
        message = json.loads(body)
        if message.get("Event") == _TEST:
            return []
        created = (r for r in message["Records"] if r["eventName"].startswith("ObjectCreated:"))
        return [_file(record) for record in created]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StrangeMessage(f"{type(error).__name__}: it is no notification of S3's.") from error


def _file(record: dict[str, Any]) -> StoredFile:
    stored, told = record["s3"], record["s3"]["object"]
    return StoredFile(
        bucket=stored["bucket"]["name"],
        key=unquote_plus(told["key"], errors="strict"),
        size=int(told["size"]),
        etag=told["eTag"],
        sequencer=told["sequencer"],
        stored_at=dt.datetime.fromisoformat(record["eventTime"]),
    )
