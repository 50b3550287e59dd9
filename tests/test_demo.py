"""The real processes, as `make run` starts them, and the three endings of `make demo`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import httpx
import pytest

from dev import ROOT
from dev.plan import free_port
from dev.shop import Shop
from dev.stand_in import STAND_IN

START_SECONDS, STOP_SECONDS, DEMO_SECONDS = 120, 40, 90
SPOKEN = {
    "fulfilled": ["OrderFulfilled", "PaymentCaptured", "InvoiceIssued", "Invoice "],
    "short": ["StockShort", "OrderCancelled", "out of stock"],
    "declined": ["PaymentDeclined", "OrderCancelled", "payment declined"],
}


class Machine:
    """A machine of its own: a state directory, ports, nothing of the test's settings."""

    def __init__(self, state: Path) -> None:
        inherited = {k: v for k, v in os.environ.items() if k not in STAND_IN}
        self.shop_settings = {"STATE_DIR": str(state), "PORT": str(free_port())}
        mark = {"SHOP_TEST_MACHINE": str(state), "DEMO": "0", "ENV_FILE": ""}
        self.environment = {**inherited, **self.shop_settings, **mark}
        self.address = f"http://127.0.0.1:{self.shop_settings['PORT']}/api/v1"
        self.log = state.with_suffix(".log")
        self._mark = f"SHOP_TEST_MACHINE={state}".encode()

    def start(self, log: IO[str]) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "dev.run"]
        return subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, text=True
        )

    def is_ready(self) -> bool:
        return Shop(self.shop_settings).running_at() is not None

    def demo(self, ending: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dev.demo"],
            cwd=ROOT,
            env={**self.environment, "ENDING": ending},
            capture_output=True,
            text=True,
            timeout=DEMO_SECONDS,
            check=False,
        )

    def processes(self) -> set[str]:
        """Return the command lines of the processes that were started here."""
        found = set()
        for directory in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self._mark in (directory / "environ").read_bytes().split(b"\0"):
                    found.add((directory / "cmdline").read_text().replace("\0", " "))
        return found


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


@contextlib.contextmanager
def running(machine: Machine) -> Iterator[subprocess.Popen[str]]:
    with machine.log.open("w") as log:
        process = machine.start(log)
        try:
            is_up = eventually(
                lambda: machine.is_ready() or process.poll() is not None, START_SECONDS
            )
            assert is_up, "not ready in time"
            assert process.poll() is None, machine.log.read_text()[-5000:]
            yield process
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


@pytest.mark.processes
@pytest.mark.timeout(500)
def test_the_shop_starts_plays_every_ending_and_leaves_nothing_behind(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "state")
    with running(machine) as process:
        for ending, words in SPOKEN.items():
            told = machine.demo(ending)
            assert told.returncode == 0, told.stdout + told.stderr + machine.log.read_text()[-5000:]
            assert "Every module agrees." in told.stdout
            assert [word for word in words if word not in told.stdout] == []
        before = products(machine)
        assert len(before) >= 60
        assert len(machine.processes()) >= 8
        process.kill()  # not even time to say goodbye
        process.wait()
        assert eventually(lambda: not machine.processes(), STOP_SECONDS), machine.processes()
    with running(machine) as process:
        assert products(machine) == before
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_SECONDS) == 0
    assert machine.processes() == set()
    assert "nothing is left running" in machine.log.read_text()
    Shop(machine.shop_settings).forget()
    assert not (tmp_path / "state").exists()


def products(machine: Machine) -> list[str]:
    found = httpx.get(f"{machine.address}/products", params={"limit": 100}, timeout=10).json()
    return sorted(product["code"] for product in found["results"])
