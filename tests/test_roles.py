"""One image: which program each role is, and when its container is healthy."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecommerce import roles


class Healthy(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path.endswith("/health/live") else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep silent."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as found:
        monkeypatch.setenv("PORT", str(found.server_port))
        monkeypatch.setenv("STREAMS_URL", "https://shop.example/streams")
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield
        found.shutdown()


def test_a_worker_serves_the_queues_that_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    program = roles.command("worker", ["payment", "payment-outside"])
    assert program[:5] == ["celery", "-A", "ecommerce", "-q", "worker"]
    assert program[-4:] == ["-l", "WARNING", "-Q", "payment,payment-outside"]


def test_what_follows_another_role_is_for_its_program() -> None:
    assert roles.command("migrate", ["--no-input"])[1:] == ["manage.py", "migrate", "--no-input"]


@pytest.mark.parametrize("role", ["web", "streams"])
def test_what_listens_is_asked(server: None, monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    assert roles.is_healthy(role)
    monkeypatch.setattr(Healthy, "status", 503)
    assert not roles.is_healthy(role)


@pytest.mark.parametrize("role", ["worker", "relay", "scheduler"])
def test_what_does_not_listen_shows_that_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    alive = tmp_path / "alive"
    monkeypatch.setenv("LIVENESS_FILE", str(alive))
    assert not roles.is_healthy(role)
    alive.touch()
    assert roles.is_healthy(role)
    an_hour_ago = alive.stat().st_mtime - 3600
    os.utime(alive, (an_hour_ago, an_hour_ago))
    assert not roles.is_healthy(role)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [([], "required: ROLE"), (["cook"], "invalid choice: 'cook'"), (["worker"], "its queues")],
)
def test_what_is_no_role_is_refused_with_the_roles(arguments: list[str], said: str) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "ecommerce.roles", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 2
    assert said in told.stderr


def test_the_health_check_does_not_load_the_shop() -> None:
    """It runs every few seconds in every container."""
    code = "import sys, ecommerce.roles; print({'celery', 'django'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n"
