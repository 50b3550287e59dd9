"""SQS ten by ten, since it bills by request: sends collected in `batch()`, and a `Settler`."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import boto3
import structlog
from botocore.client import Config
from botocore.exceptions import BotoCoreError, ClientError

from kernel import limits

log = structlog.get_logger(__name__)
T = TypeVar("T")

FAILURES = (BotoCoreError, ClientError, OSError)
BATCH = 10  # SQS takes no more entries,
BATCH_BYTES = 1_000_000  # nor more than 1 MiB, in one request
SENDERS = 8  # queues that are sent to at a time


def client(*, region: str, endpoint: str | None, patience: float = limits.SQS_CALL_SECONDS) -> Any:
    """Return a client that gives up after `patience` seconds; who calls it tries again."""
    config = Config(
        connect_timeout=limits.CONNECT_SECONDS,
        read_timeout=patience,
        retries={"total_max_attempts": 1},
        max_pool_connections=64,
    )
    return boto3.client("sqs", region_name=region, endpoint_url=endpoint, config=config)


def batches(items: Iterable[T], size: Callable[[T], int] = lambda _: 0) -> Iterator[list[T]]:
    """Cut into what one request takes."""
    batch: list[T] = []
    total = 0
    for item in items:
        if batch and (len(batch) == BATCH or total + size(item) > BATCH_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += size(item)
    if batch:
        yield batch


@dataclasses.dataclass(frozen=True)
class Outgoing:
    """A message on its way: `key` is the sender's name for it."""

    sqs: Any
    url: str
    key: str
    body: str


_sending = threading.local()


@contextlib.contextmanager
def batch() -> Iterator[dict[str, str]]:
    """
    Collect what this thread's block sends through the transport, and send it at the end.

    Yields a dictionary that then holds the reason for each Celery task, by its id, that was
    not sent. Nothing is tried for longer than `limits.SENDING_SECONDS`.
    """
    errors: dict[str, str] = {}
    _sending.buffer = []
    try:
        yield errors
        _send_all(_sending.buffer, errors)
    finally:
        _sending.buffer = None


def collected() -> list[Outgoing] | None:
    """Return what this thread's `batch()` has collected so far; None outside of one."""
    found: list[Outgoing] | None = getattr(_sending, "buffer", None)
    return found


def _send_all(outgoing: list[Outgoing], errors: dict[str, str]) -> None:
    """Send to the queues side by side: each call waits mostly for its answer."""
    deadline = time.monotonic() + limits.SENDING_SECONDS
    queues = defaultdict(list)
    for message in outgoing:
        queues[message.url].append(message)
    if not queues:
        return
    with ThreadPoolExecutor(min(len(queues), SENDERS)) as pool:
        sent = pool.map(lambda queue: _send_in_order(queue, deadline, errors), queues.values())
        list(sent)  # raises what a sender raised: nothing counts as sent then


def _send_in_order(queue: list[Outgoing], deadline: float, errors: dict[str, str]) -> None:
    stopped = ""
    for part in batches(queue, lambda message: len(message.body)):
        if not stopped:
            stopped = _send(part, errors)
        else:
            errors.update((message.key, stopped) for message in part)
        if time.monotonic() > deadline:
            stopped = stopped or "Out of time."


def _send(part: list[Outgoing], errors: dict[str, str]) -> str:
    """Send, note what failed, and return why it is no use to send more."""
    entries = [{"Id": str(i), "MessageBody": message.body} for i, message in enumerate(part)]
    try:
        answer = part[0].sqs.send_message_batch(QueueUrl=part[0].url, Entries=entries)
    except ClientError as error:
        errors.update((message.key, str(error)) for message in part)
    except (BotoCoreError, OSError) as error:  # nobody answers
        errors.update((message.key, str(error)) for message in part)
        return str(error)
    else:
        errors.update((part[int(f["Id"])].key, f["Code"]) for f in answer.get("Failed", ()))
    return ""


@dataclasses.dataclass(frozen=True)
class Settlement:
    """A received message is done with (`seconds` is None), or is to be seen again in `seconds`."""

    url: str
    receipt: str
    seconds: int | None = None


class Settler:
    """Tells SQS what became of messages, in a thread of its own."""

    linger = 0.2  # seconds that a settlement waits for company
    tries = 3

    def __init__(self, sqs: Any) -> None:
        self._sqs = sqs
        self._waiting: list[Settlement] = []
        self._changed = threading.Condition()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="sqs-settle", daemon=True)
        self._thread.start()

    def add(self, *settlements: Settlement) -> None:
        """Take settlements; they are sent soon. One that fails in the end is only logged."""
        with self._changed:
            self._waiting += settlements
            self._changed.notify()

    def close(self) -> None:
        """Send what waits, and end."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while waiting := self._take():
            groups = defaultdict(list)
            for settlement in waiting:
                groups[settlement.url, settlement.seconds is None].append(settlement)
            for (_, is_done), group in groups.items():
                for part in batches(group):
                    self._settle(part, self._delete if is_done else self._show)

    def _take(self) -> list[Settlement]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing)
            self._changed.wait_for(
                lambda: len(self._waiting) >= BATCH or self._is_closing, self.linger
            )
            waiting, self._waiting = self._waiting, []
            return waiting

    def _settle(self, part: list[Settlement], send: Callable[[list[Settlement]], Any]) -> None:
        for attempt in range(self.tries):
            try:
                failed = send(part).get("Failed", ())
            except FAILURES as error:
                log.warning("settling_failed", url=part[0].url, n=len(part), error=str(error))
                if self._is_closing:
                    return
                time.sleep(0.2 * 2**attempt)
                continue
            for entry in failed:
                log.warning("settling_failed", url=part[0].url, n=1, error=entry.get("Code"))
            part = [part[int(entry["Id"])] for entry in failed if not entry.get("SenderFault")]
            if not part:
                return

    def _delete(self, part: list[Settlement]) -> Any:
        entries = [{"Id": str(i), "ReceiptHandle": s.receipt} for i, s in enumerate(part)]
        return self._sqs.delete_message_batch(QueueUrl=part[0].url, Entries=entries)

    def _show(self, part: list[Settlement]) -> Any:
        entries = [
            {"Id": str(i), "ReceiptHandle": s.receipt, "VisibilityTimeout": s.seconds}
            for i, s in enumerate(part)
        ]
        return self._sqs.change_message_visibility_batch(QueueUrl=part[0].url, Entries=entries)
