"""What is done to the shop, one thing at a time."""

from __future__ import annotations

import dataclasses
import functools
import signal
import time
from collections.abc import Callable, Collection

from chaos.stack import Stack
from dev.plan import WORKERS

FILL_SECONDS = 8.0  # while a worker stands still, less than any of the shop's time limits
GLUT_SECONDS = 3.0  # so that a worker that goes on has its hands full
STOP_SECONDS = 60.0
CLEAR_SECONDS = 3.0


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What was seen while it was done, and what was wrong with it."""

    remark: str = ""
    breach: str = ""


@dataclasses.dataclass(frozen=True)
class Fault:
    """One thing that can happen to a program; `target` is what `--only` names."""

    name: str
    target: str
    program: str
    strike: Callable[[Stack], Outcome]
    prepare: Callable[[Stack], object] = bool  # before the time is taken
    is_survived: bool = False  # the program keeps its process


def all_faults(programs: Collection[str]) -> list[Fault]:
    """Return all that can happen to these programs, in the order of the first round."""
    workers = [name for name in programs if name.startswith("worker-")]
    stop = _Stop()
    found = [
        Fault("worker stopped in mid-flight", "worker", "worker-flow", stop.strike, stop.prepare),
        Fault(
            "queue filled and drained", "queue", "worker-flow", _fill_and_drain, is_survived=True
        ),
        Fault("a child of web killed", "web", "web", _kill_child, is_survived=True),
        _signalled("web killed", "web", "web", signal.SIGKILL),
        Fault("emulator killed, queues lost", "emulator", "emulator", _lose_queues),
        _signalled("relay killed", "relay", "relay", signal.SIGKILL),
        _signalled("scheduler killed", "scheduler", "scheduler", signal.SIGKILL),
        _signalled("payment_3p killed", "payment_3p", "payment_3p", signal.SIGKILL),
        *[_killed_worker(name) for name in workers],
        _signalled("postgres restarted", "postgres", "postgres", signal.SIGINT),
        _signalled("postgres crashed", "postgres", "postgres", signal.SIGQUIT),
        _signalled("postmaster killed", "postgres", "postgres", signal.SIGKILL),
        _signalled("emulator restarted", "emulator", "emulator", signal.SIGTERM),
        _signalled("streams killed", "streams", "streams", signal.SIGKILL),
    ]
    return [fault for fault in found if fault.program in programs]


def _killed_worker(program: str) -> Fault:
    glut = functools.partial(_glut, program=program)
    return dataclasses.replace(
        _signalled(f"{program} killed", "worker", program, signal.SIGKILL), prepare=glut
    )


def _signalled(name: str, target: str, program: str, number: signal.Signals) -> Fault:
    return Fault(name, target, program, functools.partial(_signal, program, number))


def _signal(program: str, number: signal.Signals, stack: Stack) -> Outcome:
    stack.send(program, number)
    return Outcome()


def _kill_child(stack: Stack) -> Outcome:
    stack.send_to_child("web", signal.SIGKILL)
    return Outcome()


def _lose_queues(stack: Stack) -> Outcome:
    """Kill what keeps the queues in its memory, while there is something in them."""
    stack.send("worker-flow", signal.SIGSTOP)
    try:
        stack.pause(GLUT_SECONDS)
        lost = stack.waiting(WORKERS["flow"])
        stack.send("emulator", signal.SIGKILL)
    finally:
        stack.send("worker-flow", signal.SIGCONT)
    return Outcome(f"{lost} messages lost")


def _fill_and_drain(stack: Stack) -> Outcome:
    queues = WORKERS["flow"]
    stack.send("worker-flow", signal.SIGSTOP)
    try:
        stack.pause(FILL_SECONDS)
        filled = stack.waiting(queues)
    finally:
        stack.send("worker-flow", signal.SIGCONT)
    begun = time.monotonic()
    stack.until(lambda: stack.waiting(queues) == 0, STOP_SECONDS)
    return Outcome(f"{filled} messages drained in {time.monotonic() - begun:.1f} s")


def _glut(stack: Stack, program: str = "worker-flow") -> None:
    """Let messages pile up before a worker, so that in a moment it has its hands full."""
    queues = WORKERS[program.removeprefix("worker-")]
    stack.send(program, signal.SIGSTOP)
    try:
        stack.pause(GLUT_SECONDS)
    finally:
        stack.send(program, signal.SIGCONT)
    stack.until(lambda: stack.hidden(queues) > 0, 1)


class _Stop:
    """Stops a worker that has its hands full; what it holds must be there for others at once."""

    _queues = WORKERS["flow"]

    def __init__(self) -> None:
        self._is_clear = False

    def prepare(self, stack: Stack) -> None:
        """Fill its hands; see before whether messages are hidden that no worker holds."""
        self._is_clear = stack.until(lambda: stack.hidden(self._queues) == 0, CLEAR_SECONDS)
        _glut(stack)

    def strike(self, stack: Stack) -> Outcome:
        """Stop it, and look in the moment when it is gone and no other has begun."""
        process, held = stack.pid("worker-flow"), stack.hidden(self._queues)
        begun = time.monotonic()
        stack.send("worker-flow", signal.SIGTERM)
        has_stopped = stack.until(lambda: stack.pid("worker-flow") != process, STOP_SECONDS)
        left, took = stack.hidden(self._queues), time.monotonic() - begun
        remark = f"held {held}, stopped in {took:.1f} s, {left} left hidden"
        if not has_stopped:
            return Outcome(remark, "the worker did not stop")
        if left and self._is_clear:
            return Outcome(remark, f"{left} messages wait for their visibility time-out")
        return Outcome(f"{remark} by failures before" if left else remark)
