"""
Stands between the shop and the emulator, and counts the SQS requests that pass.

In a process of its own: who measures milliseconds must not pass bytes on meanwhile.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import re
import socket
import threading
from collections import Counter
from multiprocessing.connection import Connection

_ASKED = re.compile(rb"x-amz-target: AmazonSQS\.(\w+)", re.IGNORECASE)
_FOUND = re.compile(rb'"Messages": ?\[')
_CHUNK = 1 << 16
_OVERLAP = 80  # longer than what is looked for, shorter than what lies between two of them


class CountingProxy:
    """Forwards every byte from a free port of the loopback to the emulator's, until `close`."""

    def __init__(self, port: int) -> None:
        spawning = multiprocessing.get_context("spawn")
        self._answers, theirs = spawning.Pipe()
        self._process = spawning.Process(target=_serve, args=(port, theirs), daemon=True)
        self._process.start()
        self.url = f"http://127.0.0.1:{self._answers.recv()}"

    def taken(self) -> Counter[str]:
        """Return what was counted since the last time; polls that brought nothing are apart."""
        self._answers.send(None)
        taken: Counter[str] = self._answers.recv()
        with_messages = taken.pop("found", 0)
        taken["idle polls"] = taken["ReceiveMessage"] - with_messages
        taken["ReceiveMessage"] = with_messages
        return +taken

    def close(self) -> None:
        """Stop forwarding."""
        self._process.terminate()
        self._process.join(5)


class _Forwarder:
    def __init__(self, port: int) -> None:
        self._upstream = ("127.0.0.1", port)
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def taken(self) -> Counter[str]:
        with self._lock:
            taken, self._requests = self._requests, Counter()
        return taken

    def _accept(self) -> None:
        while True:
            client, _ = self._server.accept()
            with contextlib.suppress(OSError):
                upstream = socket.create_connection(self._upstream)
                self._forward(client, upstream, _ASKED)
                self._forward(upstream, client, _FOUND)

    def _forward(
        self, source: socket.socket, target: socket.socket, what: re.Pattern[bytes]
    ) -> None:
        source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self._copy, args=(source, target, what), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket, what: re.Pattern[bytes]) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK):
                target.sendall(chunk)
                rest = self._count(rest + chunk, what)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _count(self, seen: bytes, what: re.Pattern[bytes]) -> bytes:
        """Count what is in there, and return what the next chunk may complete."""
        end = 0
        for match in what.finditer(seen):
            name = match[1].decode() if match.re.groups else "found"
            with self._lock:
                self._requests[name] += 1
            end = match.end()
        return seen[max(end, len(seen) - _OVERLAP) :]


def _serve(port: int, questions: Connection) -> None:
    forwarder = _Forwarder(port)
    questions.send(forwarder.port)
    with contextlib.suppress(EOFError):  # who asked has ended
        while True:
            questions.recv()
            questions.send(forwarder.taken())
