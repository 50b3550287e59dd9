from __future__ import annotations

import dataclasses
import http.server
import queue
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import psycopg
import pytest

from tests.payment_3p import server

GOOD_CARD = "4242424242424242"


@dataclasses.dataclass(frozen=True)
class Received:
    """A webhook as it came."""

    headers: dict[str, str]
    body: bytes
    at: float


class Listener:
    """Stands where the shop would hear webhooks; refuses as many as it is told to."""

    def __init__(self) -> None:
        self.received: queue.Queue[Received] = queue.Queue()
        self.refusals = 0
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.received.put(Received(dict(self.headers), body, time.monotonic()))
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


class Promise:
    """What openapi.json says of answers; each that comes in these tests is held to it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._paths = {
            re.compile("^" + re.sub(r"{\w+}", "[^/]+", path) + "$"): operations
            for path, operations in document["paths"].items()
        }

    def judge(self, response: httpx.Response) -> None:
        """
        Hold an answer to it; of a path that isn't there it says nothing.

        :raises jsonschema_rs.ValidationError, KeyError:
        """
        response.read()
        method = response.request.method.lower()
        for pattern, operations in self._paths.items():
            if pattern.match(response.request.url.path) and method in operations:
                answers = operations[method]["responses"]
                schema = answers[str(response.status_code)]["content"]["application/json"]["schema"]
                whole = {**schema, "components": self._document["components"]}
                jsonschema_rs.validator_for(whole).validate(response.json())


class Api:
    """The third party as a client sees it."""

    def __init__(self, url: str, database_url: str) -> None:
        self.url, self._database_url = url, database_url
        self.document = httpx.get(f"{url}/openapi.json").json()
        promise = Promise(self.document)
        self.http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {server.API_KEY}"},
            timeout=20,
            event_hooks={"response": [promise.judge]},
        )

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Do something behind its back, in its own database."""
        with psycopg.connect(self._database_url) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def preauth(self, card: str = GOOD_CARD, *, amount: int = 5_000, currency: str = "EUR") -> str:
        body = {"cardNumber": card, "amount": amount, "currency": currency}
        answer = self.http.post("/preauth", json=body)
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
        found = Api(url, database_url)
        yield found
        found.http.close()
