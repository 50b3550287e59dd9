"""SQS and S3 for tests: an emulator of their own, seen through a proxy that can fail."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import override_settings

from ecommerce.celery import app, configuration
from kernel.bus import queues, sqs
from kernel.bus.envelope import Envelope, from_wire
from tests.kernel.fault_proxy import FaultProxy

REGION = "eu-north-1"
QUEUES = ("audit", "bus", "kernel", "kernel-outside", "neighbour")  # the audit hears all
FOREIGN_QUEUES = ("uploads",)
_numbers = itertools.count(1)


def eventually(condition: Callable[[], Any], *, seconds: float = 60, every: float = 0.05) -> Any:
    """Wait until the condition holds, and return what it says."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {seconds} s; it says {found!r}.")
        time.sleep(every)
    return found


class Aws:
    """The queues of one test."""

    def __init__(self, emulator: str, proxy: FaultProxy, prefix: str) -> None:
        self.proxy, self.prefix = proxy, prefix
        self.url_prefix = f"{proxy.url}/000000000000/{prefix}"
        self.bucket = f"{prefix}uploads"
        self.client = sqs.client(region=REGION, endpoint=emulator)  # past the proxy

    def create_queue(self, queue: str, *, visibility: int = 120) -> None:
        queues.create_queue(self.client, f"{self.prefix}{queue}", visibility=visibility)

    def counts(self, queue: str) -> tuple[int, int]:
        """Return how many messages can be seen, and how many are hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.client.get_queue_attributes(
            QueueUrl=f"{self.url_prefix}{queue}", AttributeNames=names
        )
        seen, hidden = (int(answer["Attributes"][name]) for name in names)
        return seen, hidden

    def size(self, queue: str) -> int:
        """Return how many messages there are, seen or hidden."""
        return sum(self.counts(queue))

    def packs(self, queue: str) -> list[list[Envelope]]:
        """Take every message that can be seen, and return the events of each."""
        return [
            [from_wire(event) for event in json.loads(json.loads(body)["body"])[0][0]]
            for body in self.bodies(queue)
        ]

    def bodies(self, queue: str) -> list[str]:
        """Take every message that can be seen."""
        bodies: list[str] = []
        while messages := self.client.receive_message(
            QueueUrl=f"{self.url_prefix}{queue}", MaxNumberOfMessages=10
        ).get("Messages"):
            bodies += [message["Body"] for message in messages]
        return bodies

    def send(self, queue: str, body: str) -> None:
        self.client.send_message(QueueUrl=f"{self.url_prefix}{queue}", MessageBody=body)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start an emulator of SQS and S3 for this test run, and return its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "SERVICES": "sqs,s3,ses,sns",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "ERROR",
    }
    with (tmp_path_factory.mktemp("emulator") / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dev.emulator"],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            eventually(lambda: _answers(url))
            yield url
        finally:
            process.terminate()
            process.wait(10)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_ministack/health", timeout=1):
            return True
    except OSError:
        return False


@pytest.fixture
def aws(emulator: str) -> Iterator[Aws]:
    """Give the test a few queues, fresh and empty; the shop reaches them through the proxy."""
    with FaultProxy(emulator) as proxy:
        found = Aws(emulator, proxy, f"test{next(_numbers)}-")
        with override_settings(
            AWS_ENDPOINT_URL=proxy.url,
            QUEUE_URL_PREFIX=found.url_prefix,
            QUEUES=QUEUES,
            FOREIGN_QUEUES=FOREIGN_QUEUES,
            UPLOADS_BUCKET=found.bucket,
        ):
            for queue in (*QUEUES, *FOREIGN_QUEUES):
                found.create_queue(queue)
            _configure()
            yield found
        _configure()


def _configure() -> None:
    """Let Celery read the settings anew."""
    app.conf.update(configuration())
    app.__dict__.pop("amqp", None)
