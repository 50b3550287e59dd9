"""What leads to a load balancer by the host's name: elsewhere the DNS, and TLS that ends there."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# What is said between two, and not for those behind them.
_OURS = {"connection", "content-length", "date", "server", "transfer-encoding"}
_SECONDS = 60


class Handler(BaseHTTPRequestHandler):
    """Passes a request on to the HTTPS listener of a balancer of the emulator's."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments: object, emulator: str, balancer: str, domain: str) -> None:
        self._emulator, self._balancer, self._host = emulator, balancer, f"{domain}:443"
        super().__init__(*arguments)  # type: ignore[arg-type]

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection(self._emulator, timeout=_SECONDS)
        with contextlib.closing(connection):
            connection.request(
                self.command,
                f"/_alb/{self._balancer}{self.path}",
                body=body,
                headers={**self.headers, "Host": self._host},
            )
            answer = connection.getresponse()
            self._answer(answer, answer.read())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = _pass_on  # noqa: N815

    def _answer(self, answer: http.client.HTTPResponse, body: bytes) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _OURS:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep silent."""


@contextlib.contextmanager
def front(address: str, *, emulator: str, balancer: str, domain: str) -> Iterator[str]:
    """Return an http:// address that leads to a balancer, until the block ends."""
    handler = partial(Handler, emulator=urlsplit(emulator).netloc, balancer=balancer, domain=domain)
    with ThreadingHTTPServer((address, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{address}:{server.server_port}"
        server.shutdown()
