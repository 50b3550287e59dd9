"""The real payment_3p: a process, a port and a database of its own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg

ROOT = Path(__file__).resolve().parents[2]
SHOP_ORIGIN = "https://shop.example"
API_KEY, WEBHOOK_SECRET = "key-of-the-tests", "secret-of-the-tests"
SLOW_SECONDS = 1.0
WEBHOOK_PAUSE_SECONDS = 0.1


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def database() -> Iterator[str]:
    """Make an empty database in the cluster of the tests, and drop it."""
    name, url = f"payment_3p_{os.getpid()}", os.environ["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
        yield url.replace("/app?", f"/{name}?")
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextlib.contextmanager
def payment_3p(database_url: str, *, webhook_url: str) -> Iterator[str]:
    """Migrate and run payment_3p, and return its URL."""
    port = free_port()
    environment = {
        **os.environ,
        "PAYMENT_3P_DATABASE_URL": database_url,
        "PAYMENT_3P_API_KEY": API_KEY,
        "PAYMENT_3P_WEBHOOK_URL": webhook_url,
        "PAYMENT_3P_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "PAYMENT_3P_ALLOWED_ORIGINS": f"https://other.example,{SHOP_ORIGIN}",
        "PAYMENT_3P_SLOW_SECONDS": str(SLOW_SECONDS),
        "PAYMENT_3P_WEBHOOK_PAUSE_SECONDS": str(WEBHOOK_PAUSE_SECONDS),
    }
    migrate = [sys.executable, "-m", "payment_3p", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
    serve = [sys.executable, "-m", "gunicorn", "payment_3p.wsgi", "--bind", f"127.0.0.1:{port}"]
    serve += ["--threads", "8", "--log-level", "warning", "--no-control-socket"]
    process = subprocess.Popen(serve, cwd=ROOT, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "payment_3p ended"
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/health").is_success:
                return
        time.sleep(0.1)
    raise AssertionError("payment_3p does not answer")
