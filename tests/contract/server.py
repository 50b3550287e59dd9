"""A web process of the shop's own, over a PostgreSQL and an emulator of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dev import ROOT
from dev.plan import free_port
from dev.postgres import LocalPostgres
from dev.processes import Program, spawn
from dev.stand_in import STAND_IN

LOOPBACK = "127.0.0.1"
REGION = "eu-north-1"


class Server:
    """Where it is, and what is in it."""

    def __init__(self, url: str, world: Path) -> None:
        self.url, self.world = url, world
        self.tokens: dict[str, str] = json.loads(world.read_text())["tokens"]


@contextlib.contextmanager
def running(state: Path) -> Iterator[Server]:
    """Start everything, fill it, and stop it again; what it logs lies in `state`."""
    with contextlib.ExitStack() as stack:
        postgres = LocalPostgres(state / "postgres")
        postgres.start()
        stack.callback(postgres.forget)
        stack.callback(postgres.stop)
        emulator, port = f"http://{LOOPBACK}:{free_port()}", free_port()
        stack.enter_context(_started(_emulator(emulator), state))
        _await(f"{emulator}/_ministack/health")
        environment = _environment(postgres.url(), emulator, port)
        world = state / "world.json"
        _fill(environment, world)
        stack.enter_context(_started(_web(environment), state))
        url = f"http://{LOOPBACK}:{port}"
        _await(f"{url}/api/v1/health/ready")
        yield Server(url, world)


def _environment(database: str, emulator: str, port: int) -> dict[str, str]:
    return {
        **STAND_IN,
        "DATABASE_URL": database,
        "AWS_ENDPOINT_URL": emulator,
        "QUEUE_URL_PREFIX": f"{emulator}/000000000000/shop-",
        "BIND_HOST": LOOPBACK,
        "PORT": str(port),
        "ALLOWED_HOSTS": json.dumps([LOOPBACK, "testserver"]),  # the latter while it is filled
        "WEB_CONCURRENCY": "1",
        "PYTHONWARNINGS": "ignore:No directory at",
        "DJANGO_SETTINGS_MODULE": "ecommerce.settings",
    }


def _emulator(url: str) -> Program:
    environment = {
        "BIND_HOST": LOOPBACK,
        "MINISTACK_HOST": LOOPBACK,
        "GATEWAY_PORT": url.rsplit(":", 1)[1],
        "MINISTACK_REGION": REGION,
        "SERVICES": "sqs,s3",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "ERROR",
    }
    return Program("emulator", [sys.executable, "-m", "dev.emulator"], environment)


def _web(environment: dict[str, str]) -> Program:
    gunicorn = Path(sys.executable).with_name("gunicorn")
    command = [gunicorn, "-c", "python:ecommerce.gunicorn", "ecommerce.wsgi"]
    return Program("web", command, environment)


@contextlib.contextmanager
def _started(program: Program, state: Path) -> Iterator[None]:
    with (state / f"{program.name}.log").open("wb") as log:
        process = spawn(program, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def _fill(environment: dict[str, str], world: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "tests.contract.world", world],
        env={**os.environ, **environment},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,  # mails
        check=True,
    )


def _await(url: str, seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return answer.read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
