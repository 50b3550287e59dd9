"""One program and its process: how it is started, read and ended."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dev import ROOT

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
STEADY_SECONDS = 30.0  # who ran this long begins again with the first pause
_LONGEST_LINE = 64_000
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclasses.dataclass(frozen=True)
class Program:
    """What to run, and how to stop it. Those of a lower rank start first and stop last."""

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    rank: int = 1
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15.0
    popen: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # such as another user
    is_plain: bool = False  # prints without a prefix, and alone
    after_restart: Program | None = None  # run once, until it ends well


def spawn(program: Program, **popen: Any) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own; on Linux it is stopped if this process dies."""
    parent = os.getpid()

    def tie_to_parent() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(program.stop_signal))
            if os.getppid() != parent:  # died before the tie was made
                os._exit(1)

    return subprocess.Popen(
        program.command,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **program.environment},
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=tie_to_parent,  # noqa: PLW1509 -- this process has one thread
        **{**program.popen, **popen},
    )


class Child:
    """A program, its process if it has one, and when the next one is due."""

    def __init__(self, program: Program, colour: int, *, is_kept: bool, is_endless: bool) -> None:
        self.program, self.colour = program, colour
        self.is_kept = is_kept  # started again when it ends,
        self.is_endless = is_endless  # even if it ended well
        self.process: subprocess.Popen[bytes] | None = None
        self.output = -1  # the descriptor on which it prints
        self.due_at = 0.0
        self._started_at, self._pause = 0.0, FIRST_PAUSE / 2
        self._rest = b""

    @property
    def is_alive(self) -> bool:
        """Whether it has a process that still runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def has_ended(self) -> bool:
        """Whether its process has ended and was not seen off yet."""
        return self.process is not None and self.process.poll() is not None

    def start(self) -> None:
        """Start a process."""
        self.output, inlet = os.pipe()
        os.set_blocking(self.output, False)
        try:
            self.process = spawn(self.program, stdout=inlet, stderr=inlet)
        finally:
            os.close(inlet)
        self._started_at = time.monotonic()

    def read(self) -> tuple[list[str], bool]:
        """Return the complete lines that are there, and whether more can come."""
        chunk = os.read(self.output, 1 << 16)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if self._rest and (not chunk or len(self._rest) > _LONGEST_LINE):
            lines, self._rest = [*lines, self._rest], b""
        return [line.decode(errors="replace") for line in lines], bool(chunk)

    def see_off(self) -> int:
        """Kill what is left of the process's session, forget it, and return its status."""
        assert self.process  # noqa: S101
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        status, self.process = self.process.wait(), None
        return status

    def plan_restart(self) -> float:
        """Return the seconds until the next process: more each time that it dies young."""
        has_run = time.monotonic() - self._started_at
        is_steady = has_run > STEADY_SECONDS
        self._pause = FIRST_PAUSE if is_steady else min(self._pause * 2, LONGEST_PAUSE)
        self.due_at = time.monotonic() + self._pause
        return self._pause
