"""The real processes, as `make run` starts them, on a machine of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from dev import ROOT
from dev.plan import free_port
from dev.shop import Addresses, Shop
from dev.stand_in import STAND_IN

START_SECONDS, STOP_SECONDS, DEMO_SECONDS = 120, 40, 90


class Machine:
    """A state directory, ports, and nothing of the test's own settings."""

    def __init__(self, state: Path, **settings: str) -> None:
        inherited = {k: v for k, v in os.environ.items() if k not in STAND_IN}
        settings |= {"STATE_DIR": str(state), "PORT": str(free_port())}
        mark = {"SHOP_TEST_MACHINE": str(state), "DEMO": "0", "ENV_FILE": ""}
        self.environment = {**inherited, **settings, **mark}
        self.state = state
        self.shop = Shop(settings)
        self.api = f"http://127.0.0.1:{settings['PORT']}/api/v1"
        self.log = state.with_suffix(".log")
        self._mark = f"SHOP_TEST_MACHINE={state}".encode()
        self._supervisor: subprocess.Popen[str] | None = None

    @property
    def addresses(self) -> Addresses:
        """Where the running shop is reached."""
        found = self.shop.running_at()
        assert found, self.told()
        return found

    def start(self) -> None:
        with self.log.open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dev.run"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                text=True,
            )
        self._supervisor = process
        is_up = eventually(
            lambda: self.shop.running_at() is not None or process.poll() is not None, START_SECONDS
        )
        assert is_up, f"not ready in time: {self.told()}"
        assert process.poll() is None, self.told()

    def kill(self) -> None:
        """Kill the supervisor alone, which leaves it not even time to say goodbye."""
        assert self._supervisor
        self._supervisor.kill()
        self._supervisor.wait()

    def stop(self) -> int:
        """Press Ctrl-C, and return the status that it exits with."""
        assert self._supervisor
        self._supervisor.send_signal(signal.SIGINT)
        return self._supervisor.wait(STOP_SECONDS)

    def told(self) -> str:
        """Return the end of what the processes have printed."""
        return self.log.read_text()[-5000:]

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
