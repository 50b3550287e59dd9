"""The supervisor: what dies comes back, what is stopped is gone."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dev import ROOT
from dev.processes import Program
from dev.supervisor import Failed, NeverReady, Stopped, Supervisor

PYTHON = sys.executable


def script(name: str, text: str, **fields: object) -> Program:
    return Program(name, [PYTHON, "-c", text], **fields)  # type: ignore[arg-type]


def sleeper(name: str, pid_file: Path, **fields: object) -> Program:
    text = f"import os, time, pathlib; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))"
    return script(name, f"{text}; time.sleep(600)", **fields)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in {"Z", "X"}


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(out: io.StringIO) -> Iterator[Supervisor]:
    with Supervisor(out, width=6) as supervisor:
        yield supervisor


def test_a_line_bears_the_name_of_who_printed_it(supervisor: Supervisor, out: io.StringIO) -> None:
    supervisor.run(10, script("one", "print('hello'); print('without end', end='')"))
    assert out.getvalue() == "one    │ hello\none    │ without end\n"


def test_a_program_that_dies_is_started_again_after_a_pause(
    supervisor: Supervisor, out: io.StringIO, tmp_path: Path
) -> None:
    pid_file = tmp_path / "pid"
    supervisor.start(sleeper("web", pid_file))
    supervisor.wait(pid_file.exists, 10, "the first")
    first = pid_file.read_text()
    pid_file.unlink()
    os.kill(int(first), signal.SIGKILL)
    supervisor.wait(lambda: pid_file.exists() and bool(pid_file.read_text()), 10, "the second")
    assert "died (SIGKILL); again in 0.5 s" in out.getvalue()
    assert pid_file.read_text() != first


def test_a_program_that_keeps_dying_waits_longer_each_time(
    supervisor: Supervisor, out: io.StringIO
) -> None:
    supervisor.start(script("bad", "raise SystemExit(3)"))
    supervisor.wait(lambda: "again in 1 s" in out.getvalue(), 10, "the second pause")
    assert "bad    │ died (status 3); again in 0.5 s" in out.getvalue()


def test_what_follows_a_restart_runs_until_it_ends_well(
    supervisor: Supervisor, out: io.StringIO, tmp_path: Path
) -> None:
    tried = tmp_path / "tried"
    text = f"import pathlib; p = pathlib.Path({str(tried)!r}); first = not p.exists(); p.touch()"
    follower = script("then", f"{text}; print('done' * (not first)); raise SystemExit(first)")
    pid_file = tmp_path / "pid"
    supervisor.start(sleeper("first", pid_file, after_restart=follower))
    supervisor.wait(pid_file.exists, 10, "the first")
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    supervisor.wait(lambda: "then   │ done" in out.getvalue(), 15, "what follows")


def test_a_program_that_should_end_well_and_does_not_is_named(supervisor: Supervisor) -> None:
    with pytest.raises(Failed, match=r"two ended with status 4\."):
        supervisor.run(10, script("one", "pass"), script("two", "raise SystemExit(4)"))


def test_what_takes_too_long_is_named(supervisor: Supervisor) -> None:
    with pytest.raises(NeverReady, match=r"slow was not ready within 0 s\."):
        supervisor.run(0.2, script("slow", "import time; time.sleep(60)"))


def test_a_signal_ends_the_waiting(supervisor: Supervisor) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(Stopped):
        supervisor.serve()


def test_a_story_is_told_without_interruptions(supervisor: Supervisor, out: io.StringIO) -> None:
    chatter = "import time\nfor n in range(1000): print('chatter', flush=True); time.sleep(0.01)"
    story = "import time; print('one'); time.sleep(0.5); print(); print('two')"
    supervisor.start(script("web", chatter))
    supervisor.wait(lambda: "chatter" in out.getvalue(), 10, "the first line")
    supervisor.run(10, script("story", story, is_plain=True))
    assert "one\n\ntwo\n" in out.getvalue()
    held = out.getvalue().partition("two\n")[2].splitlines()
    assert len(held) > 10
    assert set(held) == {"web    │ chatter"}


def test_stopping_ends_the_higher_ranks_first(out: io.StringIO) -> None:
    text = (
        "import signal, time\n"
        "def end(*_): print('stopped', flush=True); raise SystemExit\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(60)"
    )
    with Supervisor(out, width=6) as supervisor:
        supervisor.start(script("server", text, rank=0), script("client", text, rank=1))
        supervisor.wait(lambda: out.getvalue().count("up") == 2, 10, "both")
    assert out.getvalue().splitlines()[-2:] == ["client │ stopped", "server │ stopped"]


def test_who_does_not_stop_is_killed(out: io.StringIO, tmp_path: Path) -> None:
    ignoring = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    text = f"import signal, time; {ignoring}; print('up', flush=True)"
    with Supervisor(out, width=6) as supervisor:
        supervisor.start(script("stubborn", f"{text}; time.sleep(60)", stop_seconds=0.3))
        supervisor.wait(lambda: "up" in out.getvalue(), 10, "it")
    assert "did not stop in time: killed" in out.getvalue()


def test_children_of_a_child_end_with_it(out: io.StringIO, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    text = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', {sleeper('x', pid_file).command[2]!r}])\n"
        "time.sleep(60)"
    )
    with Supervisor(out) as supervisor:
        supervisor.start(script("parent", text))
        supervisor.wait(lambda: pid_file.exists() and bool(pid_file.read_text()), 10, "the child")
    assert eventually(lambda: not is_alive(int(pid_file.read_text())))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_the_supervisor_ends(number: signal.Signals, tmp_path: Path) -> None:
    if number == signal.SIGKILL and sys.platform != "linux":
        pytest.skip("only Linux ends the children of a process that was killed")
    pid_file = tmp_path / "pid"
    text = (
        "from dev.supervisor import *; from dev.processes import Program; import sys\n"
        f"child = Program('child', {sleeper('x', pid_file).command!r})\n"
        "with Supervisor() as supervisor:\n"
        "    supervisor.start(child)\n"
        "    try: supervisor.serve()\n"
        "    except Stopped: pass"
    )
    process = subprocess.Popen([PYTHON, "-c", text], cwd=ROOT, stdout=subprocess.DEVNULL)
    assert eventually(lambda: pid_file.exists() and bool(pid_file.read_text()))
    process.send_signal(number)
    assert process.wait(20) == (-9 if number == signal.SIGKILL else 0)
    assert eventually(lambda: not is_alive(int(pid_file.read_text())))
