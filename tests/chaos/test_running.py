"""`make chaos` as a person starts and stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from dev import ROOT

pytestmark = pytest.mark.processes


def test_ctrl_c_ends_it_and_leaves_nothing_behind(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "chaos"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    programs = some_programs_of(process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=40)
    assert (process.returncode, output.splitlines()[-1]) == (
        130,
        "Stopped; nothing is left running.",
    )
    assert [program for program in programs if program.is_running()] == []
    assert list(tmp_path.glob("shop-chaos-*")) == []


def some_programs_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Wait until the shop has its servers, and return all that run for it."""
    deadline = time.monotonic() + 40
    while len(found := psutil.Process(process.pid).children(recursive=True)) < 4:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found
