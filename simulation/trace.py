"""What happened in a schedule, line by line: the same seed gives the same bytes."""

from __future__ import annotations

import datetime as dt
import hashlib

from simulation.clock import Clock


class Trace:
    """Lines, each with the number of its step and the simulated time."""

    def __init__(self, clock: Clock) -> None:
        self.steps = 0
        self._clock = clock
        self._notes: list[tuple[int, dt.datetime, str, str]] = []

    def note(self, who: str, what: str) -> None:
        """Write down what someone did."""
        self._notes.append((self.steps, self._clock.now(), who, what))

    @property
    def lines(self) -> list[str]:
        """All that was noted, as text; made when it is asked for."""
        return [
            f"{step:5} {f'{at:%d %H:%M:%S.%f}'[:-3]} {who:<24} {what}"
            for step, at, who, what in self._notes
        ]

    @property
    def digest(self) -> str:
        """A hash of all lines."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()
