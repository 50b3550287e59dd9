"""Keeps programs running: restarts what dies, joins what they print, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Self, TextIO

from dev.processes import Child, Program
from dev.terminal import PALETTE, bad, paint


class Stopped(Exception):
    """Someone asked the supervisor to stop (Ctrl-C, SIGTERM)."""


class NeverReady(Exception):
    """What was waited for did not come in time."""


class Failed(Exception):
    """A program that should end well did not."""


class Supervisor:
    """
    Runs programs until it is told to stop. One thread; all waiting goes through `pump`.

    Use it as a context: leaving it stops all that it started, in reverse rank.
    """

    def __init__(self, out: TextIO | None = None, *, width: int = 14) -> None:
        self.children: dict[str, Child] = {}
        self.width = width
        self._out = out or sys.stdout
        self._held: list[tuple[Child, str]] = []
        self._selector = selectors.DefaultSelector()
        self._is_stopping = False
        self._asked_to_stop = False
        self._signals: dict[int, Any] = {}
        self._wake_reader, self._wake_writer = socket.socketpair()

    def __enter__(self) -> Self:
        """Take over the signals that end or wake the supervisor."""
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            self._signals[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything and give the signals back."""
        self.stop()
        signal.set_wakeup_fd(-1)
        for number, handler in self._signals.items():
            signal.signal(number, handler)
        self._selector.close()
        self._wake_reader.close()
        self._wake_writer.close()

    def start(self, *programs: Program) -> None:
        """Start programs that are to run until the end."""
        for program in programs:
            self._launch(self._child(program, is_kept=True))

    def run(self, seconds: float, *programs: Program) -> None:
        """
        Run programs once, side by side, to their ends.

        :raises Failed: if the status of one isn't 0.
        :raises NeverReady: if they take longer than `seconds`.
        """
        children = [self._child(program, is_kept=False) for program in programs]
        for child in children:
            self._launch(child)
        names = " and ".join(program.name for program in programs)
        self.wait(lambda: all(child.has_ended for child in children), seconds, names)
        for child in children:
            if status := self._end(child):
                raise Failed(f"{child.program.name} ended with {_meaning(status)}.")

    def wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """
        Keep everything going until the condition holds.

        :raises NeverReady: if that takes longer than `seconds`.
        :raises Stopped: if someone asks to stop meanwhile.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise NeverReady(f"{what} was not ready within {seconds:.0f} s.")
            self.pump(0.05)

    def serve(self) -> None:
        """
        Keep everything going.

        :raises Stopped: when someone asks to stop.
        """
        while True:
            self.pump(1.0)

    def pump(self, seconds: float) -> None:
        """
        Print what is there, restart what died; wait at most `seconds` for something to do.

        :raises Stopped: if someone asked to stop.
        """
        for key, _ in self._selector.select(self._nap(seconds)):
            if key.data is None:
                self._wake_reader.recv(4096)
            else:
                self._print_lines(key.data)
        if self._is_stopping:
            return
        if self._asked_to_stop:
            raise Stopped
        for child in list(self.children.values()):
            self._look_after(child)

    def stop(self) -> None:
        """Stop all programs, those of the highest rank first; who won't stop is killed."""
        self._is_stopping = True
        for rank in sorted({child.program.rank for child in self.children.values()}, reverse=True):
            self._stop([c for c in self.children.values() if c.program.rank == rank and c.process])

    def say(self, name: str, text: str, colour: int = 37) -> None:
        """Print a line under a name."""
        bar = paint(f"{name:<{self.width}} │", colour)
        print(f"{bar} {text}", file=self._out, flush=True)

    def _child(self, program: Program, *, is_kept: bool, is_endless: bool = True) -> Child:
        colour = PALETTE[len(self.children) % len(PALETTE)]
        child = Child(program, colour, is_kept=is_kept, is_endless=is_endless)
        self.children[program.name] = child
        return child

    def _launch(self, child: Child) -> None:
        child.start()
        self._selector.register(child.output, selectors.EVENT_READ, child)

    def _look_after(self, child: Child) -> None:
        if not child.is_kept:
            return
        if child.process is None and time.monotonic() >= child.due_at:
            self._relaunch(child)
        elif child.has_ended:
            status = self._end(child)
            child.is_kept = child.is_endless or status != 0
            if not child.is_kept:
                return
            text = f"died ({_meaning(status)}); again in {child.plan_restart():g} s"
            self.say(child.program.name, bad(text), child.colour)

    def _relaunch(self, child: Child) -> None:
        self._launch(child)
        if follower := child.program.after_restart:
            self._launch(self._child(follower, is_kept=True, is_endless=False))

    def _stop(self, group: list[Child]) -> None:
        for child in group:
            if child.process and child.is_alive:
                child.process.send_signal(child.program.stop_signal)
        begun = time.monotonic()
        while any(self._is_awaited(child, begun) for child in group):
            self.pump(0.1)
        for child in group:
            if child.is_alive:
                self.say(child.program.name, bad("did not stop in time: killed"), child.colour)
            self._end(child)

    def _is_awaited(self, child: Child, begun: float) -> bool:
        return child.is_alive and time.monotonic() < begun + child.program.stop_seconds

    def _end(self, child: Child) -> int:
        """See a process off, print its last words, and return its status."""
        status = child.see_off()
        with contextlib.suppress(BlockingIOError):  # someone outside the session holds the pipe
            while child.output >= 0:
                self._print_lines(child)
        self._forget_output(child)
        held, self._held = self._held, []
        for other, line in held:
            self._print(other, line)
        return status

    def _print_lines(self, child: Child) -> None:
        lines, is_more = child.read()
        for line in lines:
            self._print(child, line)
        if not is_more:
            self._forget_output(child)

    def _print(self, child: Child, line: str) -> None:
        if child.program.is_plain:
            print(line, file=self._out, flush=True)
        elif any(other.program.is_plain and other.process for other in self.children.values()):
            self._held.append((child, line))  # a story is told without interruptions
        elif line.strip():
            self.say(child.program.name, line, child.colour)

    def _forget_output(self, child: Child) -> None:
        if child.output >= 0:
            self._selector.unregister(child.output)
            os.close(child.output)
            child.output = -1

    def _nap(self, seconds: float) -> float:
        due = [c.due_at for c in self.children.values() if c.is_kept and c.process is None]
        return max(0.0, min([seconds, *(at - time.monotonic() for at in due)]))

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._asked_to_stop = True


def _meaning(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"
