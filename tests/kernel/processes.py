"""Real processes of the shop against the test's own database and queues."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from tests.kernel import probe


def shop_environment() -> dict[str, str]:
    """Return what a process of the shop needs to work beside this test."""
    address = urlsplit(os.environ["DATABASE_URL"])
    database = connection.settings_dict["NAME"]
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "ecommerce.settings",
        "DATABASE_URL": address._replace(path=f"/{database}").geturl(),
        "AWS_ENDPOINT_URL": settings.AWS_ENDPOINT_URL,
        "QUEUE_URL_PREFIX": settings.QUEUE_URL_PREFIX,
        "LOG_LEVEL": "INFO",
    }


class Worker:
    """A Celery worker with the probe's handler."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, alive: Path) -> None:
        self.process, self._log, self._alive = process, log, alive

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def polled_at(self) -> float:
        """When it polled last; 0 if it never did."""
        return self._alive.stat().st_mtime if self._alive.exists() else 0

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, seconds: float = 20) -> int:
        """Wait for the end, and return the status."""
        return self.process.wait(seconds)


@contextlib.contextmanager
def worker(
    directory: Path, pool: str, *, concurrency: int = 2, queue: str = probe.QUEUE, **haste: object
) -> Iterator[Worker]:
    """Start a worker; whatever is left of it at the end is killed."""
    environment = shop_environment() | {
        "PROBE_WORKER": json.dumps({"queues": ["kernel", "kernel-outside", "neighbour"], **haste}),
        "LIVENESS_FILE": str(directory / "alive"),
        "CELERY_SKIP_CHECKS": "1",
    }
    command = ["-A", "tests.kernel.worker_app", "worker", "-Q", queue, "-P", pool]
    log = directory / "worker.log"
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", *command, "-c", str(concurrency), "-l", "INFO"],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield Worker(process, log, directory / "alive")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
