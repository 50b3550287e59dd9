"""
The stream process's application: one path, in plain ASGI.

Django's own handler holds a thread for each open stream, and three times the memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs

import structlog

from apps.orders.streams.admission import demand_ticket, last_event_id
from apps.orders.streams.origins import answer_preflight, is_preflight, telling_origin
from apps.orders.streams.telling import Pace, Send, tell
from apps.orders.streams.timelines import Reader, Timelines
from kernel import limits
from kernel.bus import context
from kernel.ids import new_id
from kernel.refusals import Refusal
from kernel.rest.problems import MEDIA_TYPE, problem
from kernel.rest.rendering import JSONRenderer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

log = structlog.get_logger("streams")
_ORDER = re.compile(r"^/orders/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$")
# A stream takes 15 KB and hardly any time: connections, not work, are what is bounded.
STREAMS = 2000
# A customer's tabs and devices. Nobody alone can take the room of all.
STREAMS_OF_ORDER = 20
_json = JSONRenderer()


class NotFound(Refusal):
    """There is nothing here but streams of orders: ask the API for one."""

    status = 404


class MethodNotAllowed(Refusal):
    """This can only be read."""

    status = 405


class TooManyStreams(Refusal):
    """As many streams are open here as there can be: try again soon."""

    status = 503
    retry_after = limits.STREAM_RETRY_SECONDS


class TooManyStreamsOfOrder(Refusal):
    """So many streams of this order are open that there can't be another."""

    status = 429
    retry_after = limits.STREAM_RETRY_SECONDS


class Stopping(Refusal):
    """This process is about to end: try again, and another will answer."""

    status = 503
    retry_after = limits.STREAM_RETRY_SECONDS


class Streams:
    """Answers `GET {prefix}/orders/{id}?ticket=…` with the order's timeline, as it happens."""

    def __init__(
        self,
        *,
        prefix: str = "",
        pace: Pace | None = None,
        most: int = STREAMS,
        most_of_order: int = STREAMS_OF_ORDER,
    ) -> None:
        self._prefix, self._pace = prefix, pace or Pace()
        self._most, self._most_of_order = most, most_of_order
        self._timelines = Timelines(every=self._pace.look)
        self._open: Counter[uuid.UUID] = Counter()

    @property
    def open(self) -> int:
        """How many streams are open."""
        return self._open.total()

    def close(self) -> None:
        """End all streams, and open no more: their clients go on elsewhere."""
        self._timelines.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; or begin and end with the process."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        asked = dict(scope["headers"])
        if is_preflight(scope["method"], asked):
            await answer_preflight(asked, send)
            return
        send = telling_origin(asked, send)
        with context.acting(context.Context(actor="anonymous", correlation_id=str(new_id()))):
            try:
                await self._answer(scope, receive, send)
            except Refusal as refusal:
                await _refuse(send, refusal)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._timelines.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._timelines.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].startswith(f"{self._prefix}/"):
            raise NotFound
        if scope["method"] != "GET":
            raise MethodNotAllowed
        path = scope["path"].removeprefix(self._prefix)
        if path == "/health/live":
            await _tell_health(send, is_well=self._timelines.is_alive)
        elif path == "/health/ready":
            await _tell_health(send, is_well=await self._timelines.is_reachable())
        elif found := _ORDER.match(path):
            await self._follow(_reader(uuid.UUID(found[1]), scope), receive, send)
        else:
            raise NotFound

    async def _follow(self, reader: Reader, receive: Receive, send: Send) -> None:
        with self._counted(reader.order_id):
            leaving = asyncio.create_task(self._release_when_gone(reader, receive))
            try:
                await tell(reader, self._timelines, self._pace, send)
            except TimeoutError:
                log.info("client_does_not_read", order_id=str(reader.order_id))
            finally:
                leaving.cancel()

    async def _release_when_gone(self, reader: Reader, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass  # a body, which nobody asked for
        self._timelines.release(reader)

    @contextlib.contextmanager
    def _counted(self, order_id: uuid.UUID) -> Iterator[None]:
        if self._timelines.is_closed:
            raise Stopping
        if self.open >= self._most:
            raise TooManyStreams
        if self._open[order_id] >= self._most_of_order:
            raise TooManyStreamsOfOrder
        self._open[order_id] += 1
        try:
            yield
        finally:
            self._open[order_id] -= 1
            if not self._open[order_id]:
                del self._open[order_id]


def _reader(order_id: uuid.UUID, scope: Scope) -> Reader:
    """
    Return the reader that the request asks for.

    :raises InvalidTicket, InvalidLastEventId:
    """
    asked = parse_qs(scope["query_string"].decode("latin-1"))
    demand_ticket(asked.get("ticket", [""])[0], order_id=order_id)
    header = dict(scope["headers"]).get(b"last-event-id", b"").decode("latin-1")
    return Reader(order_id, last_event_id(header, asked.get("last_event_id", [""])[0]))


async def _tell_health(send: Send, *, is_well: bool) -> None:
    body = {"status": "ok" if is_well else "database unreachable, or nobody looks there"}
    await _reply(send, 200 if is_well else 503, body)


async def _refuse(send: Send, refusal: Refusal) -> None:
    body = problem(refusal.status, refusal.code(), str(refusal), **refusal.facts)
    headers = {"Content-Type": MEDIA_TYPE}
    if isinstance(refusal, MethodNotAllowed):
        headers["Allow"] = "GET"
    if retry_after := getattr(refusal, "retry_after", None):
        headers["Retry-After"] = str(retry_after)
    await _reply(send, refusal.status, body, headers)


async def _reply(
    send: Send, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> None:
    content = _json.render(body)
    head = {
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        "Cache-Control": "no-store",
        **(headers or {}),
    }
    raw = [(name.lower().encode(), value.encode()) for name, value in head.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": content})
