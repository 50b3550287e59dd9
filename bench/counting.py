"""Stands between the shop and the emulator, and counts the SQS requests that pass."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections import Counter

_ASKED = re.compile(rb"x-amz-target: AmazonSQS\.(\w+)", re.IGNORECASE)
_FOUND = re.compile(rb'"Messages": ?\[')
_CHUNK = 1 << 16
_OVERLAP = 80  # longer than what is looked for, shorter than what lies between two of them


class CountingProxy:
    """Forwards every byte from a free port of the loopback to the emulator's."""

    def __init__(self, port: int) -> None:
        self._upstream = ("127.0.0.1", port)
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._lock = threading.Lock()
        self.requests: Counter[str] = Counter()
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def taken(self) -> Counter[str]:
        """Return what was counted since the last time; polls that brought nothing are apart."""
        with self._lock:
            taken, self.requests = self.requests, Counter()
        with_messages = taken.pop("found", 0)
        taken["idle polls"] = taken["ReceiveMessage"] - with_messages
        taken["ReceiveMessage"] = with_messages
        return +taken

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
                self.requests[name] += 1
            end = match.end()
        return seen[max(end, len(seen) - _OVERLAP) :]
