"""Stands between the shop and SQS: counts calls, breaks some, and makes time pass faster."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

Body = dict[str, Any]
Forward = Callable[[Body], tuple[int, Body]]
Fault = Callable[[Body, Forward], tuple[int, Body] | None]
"""Answers in SQS's place; None drops the connection."""


@dataclasses.dataclass(frozen=True)
class Call:
    """One request: `SendMessageBatch`, the queue's name, what it asked for."""

    operation: str
    queue: str
    body: Body


def refusing(status: int) -> Fault:
    """Answer with an error of this status."""
    kind = "InternalError" if status >= 500 else "AccessDenied"
    return lambda body, forward: (status, {"__type": kind, "message": "injected"})


def dropping(body: Body, forward: Forward) -> None:
    """Close the connection without an answer."""


def dropping_the_answer(body: Body, forward: Forward) -> None:
    """Let SQS do what it was asked for, and lose its answer."""
    forward(body)


def slow(seconds: float) -> Fault:
    """Take long, then close the connection."""
    return lambda body, forward: time.sleep(seconds)


def staling(body: Body, forward: Forward) -> tuple[int, Body]:
    """Make each receipt handle one that SQS doesn't know."""
    entries = [{**entry, "ReceiptHandle": "stale"} for entry in body["Entries"]]
    return forward({**body, "Entries": entries})


def losing_the_first(body: Body, forward: Forward) -> tuple[int, Body]:
    """Take all entries of a batch but the first."""
    first, *rest = body["Entries"]
    status, answer = forward({**body, "Entries": rest}) if rest else (200, {})
    failed = {"Id": first["Id"], "Code": "InternalError", "SenderFault": False}
    return status, {**answer, "Failed": [*answer.get("Failed", []), failed]}


class FaultProxy:
    """Listens on a free port of the loopback; use it as a context."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.calls: list[Call] = []
        self.is_hasty = False  # a message that is to be hidden for a while is shown at once
        self._faults: dict[tuple[str, str], list[Fault]] = {}
        self._outages: dict[str, Fault] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def inject(self, operation: str, fault: Fault, *, queue: str = "kernel") -> None:
        """Break the next call of this operation on this queue."""
        self._faults.setdefault((operation, queue), []).append(fault)

    @contextlib.contextmanager
    def outage(self, operation: str, fault: Fault) -> Iterator[None]:
        """Break every call of this operation."""
        self._outages[operation] = fault
        try:
            yield
        finally:
            del self._outages[operation]

    def pending(self) -> int:
        """Return how many faults nobody has met yet."""
        return sum(len(faults) for faults in self._faults.values())

    def counts(self, queue: str) -> Counter[str]:
        """Return how often each operation was called on this queue."""
        return Counter(call.operation for call in self.calls if call.queue == queue)

    def delays(self, queue: str) -> list[int]:
        """Return for how long messages of this queue were to be hidden, in order."""
        return [
            entry["VisibilityTimeout"]
            for call in self.calls
            if call.operation == "ChangeMessageVisibilityBatch" and call.queue == queue
            for entry in call.body["Entries"]
        ]

    def answer(self, operation: str, body: Body, forward: Forward) -> tuple[int, Body] | None:
        """Answer a call; None is no answer."""
        queue = body.get("QueueUrl", "").rsplit("/", 1)[-1].partition("-")[2]
        self.calls.append(Call(operation, queue, body))
        if self.is_hasty and operation == "ChangeMessageVisibilityBatch":
            entries = [{**entry, "VisibilityTimeout": 0} for entry in body["Entries"]]
            body = {**body, "Entries": entries}
        if fault := self._outages.get(operation):
            return fault(body, forward)
        if faults := self._faults.get((operation, queue)):
            return faults.pop(0)(body, forward)
        return forward(body)


def _handler(proxy: FaultProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            operation = self.headers["X-Amz-Target"].rsplit(".", 1)[1]
            with contextlib.suppress(OSError, http.client.HTTPException):
                if (answer := proxy.answer(operation, body, self._forward)) is not None:
                    self._reply(*answer)
                    return
            self.close_connection = True

        def _forward(self, body: Body) -> tuple[int, Body]:
            connection = http.client.HTTPConnection(proxy.upstream, timeout=30)
            headers = {k: v for k, v in self.headers.items() if k.lower() != "content-length"}
            with contextlib.closing(connection):
                connection.request("POST", self.path, json.dumps(body), headers)
                response = connection.getresponse()
                return response.status, json.loads(response.read() or b"{}")

        def _reply(self, status: int, body: Body) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
