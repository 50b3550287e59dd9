"""One stream: what happened to the order, what happens, and signs of life between."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from apps.orders import queries
from apps.orders.streams.timelines import Over, Reader, Row, Timelines
from kernel import limits
from kernel.rest.rendering import JSONRenderer

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # a proxy that gathers would hold back what happened
]
_HEARTBEAT = b":\n\n"
_END = b"event: end\ndata: {}\n\n"
_json = JSONRenderer()


@dataclasses.dataclass(frozen=True)
class Pace:
    """How many seconds what takes."""

    look: float = limits.STREAM_LOOK_SECONDS
    beat: float = limits.STREAM_BEAT_SECONDS
    life: float = limits.STREAM_SECONDS
    send: float = limits.STREAM_SEND_SECONDS


async def tell(reader: Reader, timelines: Timelines, pace: Pace, send: Send) -> None:
    """
    Answer with a reader's stream, until the order is over, the client leaves, or time is up.

    :raises TimeoutError: if the client takes nothing for too long.
    """
    async with asyncio.timeout(pace.send):
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await _send(send, _retry(), pace)
    clock = asyncio.get_running_loop().time
    end = clock() + _scattered(pace.life)
    with contextlib.suppress(Over):
        while (left := end - clock()) > 0 and not reader.is_over:
            rows = await timelines.news(reader, seconds=min(pace.beat, left))
            await _send(send, b"".join(map(_event, rows)) or _HEARTBEAT, pace)
    await _send(send, _END if reader.is_over else b"", pace, more=False)


async def _send(send: Send, body: bytes, pace: Pace, *, more: bool = True) -> None:
    async with asyncio.timeout(pace.send):
        await send({"type": "http.response.body", "body": body, "more_body": more})


def _event(row: Row) -> bytes:
    data = _json.render(queries.entry(row))
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (row["id"], row["what"].encode(), data)


def _retry() -> bytes:
    """Tell a client when to come again, each at another time: all may be sent away at once."""
    return b"retry: %d\n\n" % (1000 * limits.STREAM_RETRY_SECONDS * (1 + _chance()))


def _scattered(seconds: float) -> float:
    """Return a little less: those who came together don't all come again together."""
    return seconds * (1 - _chance() / 10)


def _chance() -> float:
    return secrets.randbelow(1000) / 1000
