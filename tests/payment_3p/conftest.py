from __future__ import annotations

import dataclasses
import http.server
import queue
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.payment_3p import server

GOOD_CARD = "4242424242424242"


@dataclasses.dataclass(frozen=True)
class Received:
    """A webhook as it came."""

    headers: dict[str, str]
    body: bytes


class Listener:
    """Stands where the shop would hear webhooks; refuses as many as it is told to."""

    def __init__(self) -> None:
        self.received: queue.Queue[Received] = queue.Queue()
        self.refusals = 0
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.received.put(Received(dict(self.headers), body))
                is_refused = listener.refusals > 0
                listener.refusals -= is_refused
                self.send_response(503 if is_refused else 200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/webhooks"

    def of(self, token: str, operation: str, *, timeout: float = 10) -> Received:
        """Wait for the webhook of this operation; others that come before are dropped."""
        while True:
            received = self.received.get(timeout=timeout)
            if token in received.body.decode() and f'"{operation}"' in received.body.decode():
                return received

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Api:
    """The third party as a client sees it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {server.API_KEY}"}, timeout=20
        )

    def preauth(self, card: str = GOOD_CARD, *, amount: int = 5_000, currency: str = "EUR") -> str:
        body = {"cardNumber": card, "amount": amount, "currency": currency}
        answer = httpx.post(f"{self.url}/preauth", json=body)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["paymentToken"]
        return token

    def post(self, path: str, token: str, key: str = "", **body: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return self.http.post(path, json={"paymentToken": token, **body}, headers=headers)

    def books(self, token: str) -> dict[str, Any]:
        """Return state and amounts, without what differs from run to run."""
        found: dict[str, Any] = self.http.get(f"/payments/{token}").json()
        return {name: found[name] for name in ("state", "held", "captured", "refunded")}


@pytest.fixture(scope="session")
def listener() -> Iterator[Listener]:
    listening = Listener()
    yield listening
    listening.close()


@pytest.fixture(scope="session")
def api(listener: Listener) -> Iterator[Api]:
    with (
        server.database() as database_url,
        server.payment_3p(database_url, webhook_url=listener.url) as url,
    ):
        found = Api(url)
        yield found
        found.http.close()
