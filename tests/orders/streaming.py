"""A stream process within the test, and clients that listen to it over HTTP."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import orjson

from apps.orders.streams.asgi import Streams
from apps.orders.streams.server import StreamServer
from tests.aws import eventually

HOST = "127.0.0.1"
PATIENCE_SECONDS = 10


@dataclasses.dataclass(frozen=True)
class Heard:
    """One block of a stream; a comment is a block of its own."""

    id: int | None = None
    event: str = ""
    data: Any = None
    retry: int | None = None
    is_comment: bool = False


class Listener:
    """One open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._blocks = _blocks(response)

    def next(self) -> Heard:
        """Wait for what comes next, heartbeats apart."""
        return next(block for block in self._blocks if not block.is_comment)

    def take(self, count: int) -> list[Heard]:
        return [self.next() for _ in range(count)]

    def rest(self) -> list[Heard]:
        """Listen until the stream ends; heartbeats are left out."""
        return [block for block in self._blocks if not block.is_comment]

    def until_heartbeat(self) -> list[Heard]:
        """Return what comes before the next sign of life."""
        heard = []
        for block in self._blocks:
            if block.is_comment:
                return heard
            heard.append(block)
        raise AssertionError("The stream ended without a sign of life.")


def _blocks(response: httpx.Response) -> Iterator[Heard]:
    fields: dict[str, Any] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(":")
        if not line:
            yield Heard(**fields)
            fields = {}
        elif not name:
            fields["is_comment"] = True
        elif name == "data":
            fields[name] = orjson.loads(value)
        else:
            fields[name] = value.strip() if name == "event" else int(value)


class StreamProcess:
    """The server, on a thread."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self.server = StreamServer(streams, host=HOST, port=0)
        self.listening = self.server.listen()
        self.url = f"http://{HOST}:{self.listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self.server.run, args=([self.listening],))

    def start(self) -> None:
        self._thread.start()
        eventually(lambda: self.server.started)

    def stop(self) -> None:
        """End it as SIGTERM does."""
        self.server.stop()
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()


@contextlib.contextmanager
def listening(url: str, *, after: int | str | None = None) -> Iterator[Listener]:
    """Listen at an address that the API gave."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    with (
        httpx.Client(timeout=PATIENCE_SECONDS) as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        if response.status_code != 200:
            response.read()
        yield Listener(response)


def ask(url: str, method: str = "GET", **headers: str) -> tuple[int, Any, httpx.Headers]:
    """Return the whole answer to a request that should get one."""
    response = httpx.request(method, url, headers=headers, timeout=PATIENCE_SECONDS)
    return response.status_code, response.json(), response.headers
