"""A client says the same thing again, under the same key, until it is answered."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chaos import client as client_module
from chaos.client import Client
from chaos.ledger import Ledger
from chaos.threads import Ended, Threads

IN_PROGRESS = (409, {"code": "request_in_progress"})
Script = list[tuple[int, dict[str, Any]] | None]  # None: the connection is dropped


class Door:
    """Answers as it was told to, one request after the other, and notes what came."""

    def __init__(self) -> None:
        self.script: Script = []
        self.came: list[tuple[str, str | None, str | None]] = []  # path, key, token
        door = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                key, token = self.headers["Idempotency-Key"], self.headers["Authorization"]
                door.came.append((self.path, key, token))
                answer = door.script.pop(0)
                if answer is None:
                    self.close_connection = True
                    return
                status, body = answer
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    monkeypatch.setattr(client_module, "PAUSES", (0.0,))
    door = Door()
    yield door
    door.server.shutdown()
    door.server.server_close()


@pytest.fixture
def make(door: Door) -> Callable[[Threads], Client]:
    url = f"http://127.0.0.1:{door.server.server_port}"
    return lambda threads: Client(url, Ledger(), threads)


def test_what_has_no_answer_is_asked_again_under_the_same_key(
    door: Door, make: Callable[[Threads], Client]
) -> None:
    door.script = [None, (500, {}), IN_PROGRESS, (201, {"id": "1"})]
    answer = make(Threads()).post("/orders", {"lines": []}, key="one")
    assert (answer.is_good, answer.body) == (True, {"id": "1"})
    assert door.came == [("/orders", "one", None)] * 4


def test_a_refusal_is_an_answer(door: Door, make: Callable[[Threads], Client]) -> None:
    door.script = [(409, {"code": "sold_out"})]
    answer = make(Threads()).post("/orders", {})
    assert (answer.is_good, answer.code) == (False, "sold_out")


def test_who_is_no_longer_known_logs_in_and_asks_again(
    door: Door, make: Callable[[Threads], Client]
) -> None:
    door.script = [(200, {"access": "a"}), (401, {}), (200, {"access": "b"}), (200, {})]
    customer = make(Threads())
    customer.log_in("ada@example.com", "secret")
    assert customer.post("/orders", {}, key="one").is_good
    assert [(path, token) for path, _, token in door.came] == [
        ("/auth/token", None),
        ("/orders", "Bearer a"),
        ("/auth/token", None),
        ("/orders", "Bearer b"),
    ]


def test_nobody_asks_again_once_the_run_is_over(
    door: Door, make: Callable[[Threads], Client]
) -> None:
    door.script = [(500, {})]
    threads = Threads()
    threads.end()
    with pytest.raises(Ended):
        make(threads).post("/orders", {})
    assert len(door.came) == 1


def test_a_thread_that_fails_ends_the_others_and_is_told() -> None:
    threads = Threads()
    waiting = threads.start("waits", lambda: threads.pause(60))
    threads.start("fails", lambda: int("one"))  # type: ignore[arg-type, return-value]
    waiting.join(10)
    assert not waiting.is_alive()
    assert [type(failure) for failure in threads.failures] == [ValueError]
