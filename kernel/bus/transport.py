"""
Celery's way to SQS: kombu's transport, without the parts that die, hang or waste requests.

ReceiveMessage runs in threads over boto3 (no pycurl) and outlives every error; deletes and
failures are settled ten by ten; what no handler has begun is given back as soon as the worker
is to stop. What isn't settled, for whatever reason, comes again: the inbox makes that harmless.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import structlog
from celery.worker.state import active_requests
from kombu import serialization
from kombu.transport import SQS
from kombu.utils.json import dumps
from vine import promise

from kernel import limits
from kernel.bus import sqs
from kernel.bus.liveness import show_alive
from kernel.bus.sqs import BATCH, FAILURES, Outgoing, Settlement, Settler

log = structlog.get_logger(__name__)
Message = dict[str, Any]  # as ReceiveMessage returns it
_Channel: Any = SQS.Channel  # its published types know too little of it

# A failed poll waits before the next one.
_PAUSE_SECONDS = 1.0

# Messages are plain JSON. Kombu's own reader takes an object of `__type__` and `__value__` for one
# of its types, whoever wrote it, and was a seventh of a busy worker's time.
serialization.register("json", dumps, orjson.loads, "application/json", "utf-8")


class Channel(_Channel):  # type: ignore[misc]
    """What a worker receives on, from all its queues, and what the relay sends on."""

    _sqs: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._threads = ThreadPoolExecutor(64, thread_name_prefix="sqs-receive")
        self._closing = threading.Event()
        self._settler: Settler | None = None
        self._receiver: Any = None
        self._parked: set[str] = set()
        self._handed: deque[tuple[str, list[Message]]] = deque()
        self._idle: tuple[int, int] | None = None

    def sqs(self, queue: str | None = None) -> Any:
        """Return the one client for all queues."""
        if self._sqs is None:
            self._sqs = self._client(self._call_seconds)
        return self._sqs

    def asynsqs(self, queue: str | None = None) -> None:
        """Return nothing: kombu's own way to receive isn't used."""

    @property
    def _call_seconds(self) -> float:
        seconds: float = self.transport_options.get("call_seconds", limits.SQS_CALL_SECONDS)
        return seconds

    def _client(self, patience: float) -> Any:
        endpoint = self.transport_options.get("endpoint_url")
        return sqs.client(region=self.region, endpoint=endpoint, patience=patience)

    def _size(self, queue: str) -> int:
        return 0  # kombu asks when it declares a queue; nobody wants the answer

    # -- receiving -----------------------------------------------------------------------------

    def basic_consume(self, *args: Any, **kwargs: Any) -> Any:
        """Begin to receive from a queue."""
        if self._settler is None:
            self._receiver = self._client(self.wait_time_seconds + self._call_seconds)
            self._settler = Settler(self.sqs())
            # Without a descriptor to watch, the hub sleeps instead of waiting to be woken.
            self._idle = os.pipe()
            self.hub.add_reader(self._idle[0], lambda: None)
        return super().basic_consume(*args, **kwargs)

    def basic_cancel(self, consumer_tag: str) -> None:
        """Stop receiving from a queue; after the last one, give back what no handler has begun."""
        super().basic_cancel(consumer_tag)
        if not self._consumers:
            self._give_back_waiting()

    def basic_qos(self, *args: Any, **kwargs: Any) -> None:
        """Set how many messages may be held."""
        super().basic_qos(*args, **kwargs)
        self._wake()

    def _get_from_sqs(
        self,
        queue_name: str,
        queue_url: str,
        connection: None,
        count: int = 1,
        callback: Any = None,
    ) -> None:
        self._threads.submit(self._receive, queue_url, count, callback)

    def _receive(self, url: str, count: int, callback: Callable[[Message], None]) -> None:
        """Poll once, in a thread, and hand over to the hub."""
        found: list[Message] = []
        try:
            found = self._receiver.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=count,
                WaitTimeSeconds=self.wait_time_seconds,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            ).get("Messages", [])
        except FAILURES as error:
            log.warning("receiving_failed", url=url, error=str(error))
            self._closing.wait(_PAUSE_SECONDS)
        show_alive()
        item = (url, found)
        self._handed.append(item)
        self.hub.call_soon(promise(self._take, (item, callback)))

    def _take(self, item: tuple[str, list[Message]], callback: Callable[[Message], None]) -> None:
        try:
            self._handed.remove(item)
        except ValueError:
            return  # close() has given it back
        callback({"Messages": item[1]})

    def _loop1(self, queue: str, messages_fetched: int | None = None) -> None:
        # The hub runs this, and what it is told to call soon waits until its next poll ends.
        if messages_fetched:
            self._schedule_queue(queue)
        else:
            super()._loop1(queue)

    def _schedule_queue(self, queue: str) -> None:
        """Poll; with too little room for that, park the queue until a message is settled."""
        if queue in self._active_queues and not self._has_room():
            self._parked.add(queue)
        else:
            super()._schedule_queue(queue)

    def _has_room(self) -> bool:
        room = self.qos.can_consume_max_estimate()
        return room is None or room >= min(BATCH, max(self.qos.prefetch_count // 2, 1))

    def _wake(self) -> None:
        while self._parked and self._has_room():
            self._schedule_queue(self._parked.pop())

    # -- settling ------------------------------------------------------------------------------

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:  # noqa: FBT001, FBT002
        """Delete a message that is done."""
        if message := self._let_go(delivery_tag):
            self._settle(message, None)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002
        """Let a failed message come again, later each time: SQS counts, and gives up on it."""
        if message := self._let_go(delivery_tag):
            self._settle(message, self._delay(message))

    def _let_go(self, delivery_tag: str) -> Any:
        """Free the message's place and return it; None if it was settled before."""
        message = self.qos._delivered.get(delivery_tag)  # noqa: SLF001
        if message is None or delivery_tag in self.qos._dirty:  # noqa: SLF001
            return None
        self.qos.ack(delivery_tag)
        self._wake()
        return message

    def _delay(self, message: Any) -> int:
        info = message.delivery_info
        policy: dict[int, int] = self.predefined_queues[info["routing_key"]]["backoff_policy"]
        receives = int(info["sqs_message"]["Attributes"]["ApproximateReceiveCount"])
        return policy.get(receives, policy[max(policy)])

    def _settle(self, message: Any, seconds: int | None) -> None:
        info = message.delivery_info
        if self._settler:
            receipt = info["sqs_message"]["ReceiptHandle"]
            self._settler.add(Settlement(info["sqs_queue"], receipt, seconds))

    def _decode_python_message_body(self, raw_body: str) -> bytes:
        return raw_body.encode()  # nobody sends Base64

    def _prepare_json_payload(self, text: str) -> Any:
        try:
            payload = orjson.loads(text)
        except orjson.JSONDecodeError:
            return {}
        return payload if isinstance(payload, dict) else {}

    def _message_to_python(self, message: Message, queue_name: str, q_url: str) -> Any:
        payload = super()._message_to_python(message, queue_name, q_url)
        payload["properties"]["delivery_info"]["routing_key"] = queue_name  # whoever sent it
        return payload

    def _restore(self, message: Any) -> None:
        self._settle(message, 0)

    def _give_back_waiting(self) -> None:
        begun = {request.message.delivery_tag for request in tuple(active_requests)}
        for tag in [tag for tag in self.qos._delivered if tag not in begun]:  # noqa: SLF001
            if message := self._let_go(tag):
                self._settle(message, 0)

    def _release_messages(self, queue: str, qname: str, messages: list[Message]) -> None:
        """Give back what came after the consumer had gone."""
        if self._settler:
            self._settler.add(*(Settlement(queue, m["ReceiptHandle"], 0) for m in messages))

    def close(self) -> None:
        """Stop; what isn't settled is given back. Takes as long as a poll that is under way."""
        if self.closed:
            return
        super().close()  # cancels the consumers and restores what is held
        self._closing.set()
        self._threads.shutdown(wait=True)
        while self._handed:
            url, messages = self._handed.popleft()
            self._release_messages(url, "", messages)
        if self._settler:
            self._settler.close()
        for end in self._idle or ():
            if end in self.hub.readers:
                self.hub.remove(end)
            os.close(end)

    # -- sending -------------------------------------------------------------------------------

    def _put(self, queue: str, message: Message, **kwargs: Any) -> None:
        collected = sqs.collected()
        if collected is None:
            super()._put(queue, message, **kwargs)
        else:
            task = message["properties"]["correlation_id"]
            url = self._new_queue(queue)
            collected.append(Outgoing(self.sqs(), url, task, dumps(message)))


class Transport(SQS.Transport):
    """Named by Celery's `broker_transport`."""

    Channel: Any = Channel
    polling_interval: Any = 0.05  # seconds between two polls that brought nothing
