"""The simulated time: it stands still until a schedule moves it."""

from __future__ import annotations

import contextlib
import datetime as dt
import types
from collections.abc import Iterator
from unittest import mock

import time_machine

from kernel.bus import inbox, watchdog

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


class Clock:
    """What all of the process reads as the time while `installed`."""

    def __init__(self, start: dt.datetime = START) -> None:
        self._now = start
        self._start = start
        self._traveller: time_machine.Traveller | None = None

    def now(self) -> dt.datetime:
        """Return the simulated time."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds since the beginning."""
        return (self._now - self._start).total_seconds()

    def move(self, *, to: dt.datetime) -> None:
        """Move on to a time; never back."""
        if to <= self._now:
            return
        if self._traveller:
            self._traveller.shift(to - self._now)
        self._now = to

    def advance(self, seconds: float) -> None:
        """Move on."""
        self.move(to=self._now + dt.timedelta(seconds=seconds))

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Let the block, and its threads, live in this time."""
        with (
            time_machine.travel(self._now, tick=False) as traveller,
            # Deadlines are counted in monotonic time, which time-machine leaves alone.
            mock.patch.multiple(inbox, time=self._stand_in()),
            mock.patch.multiple(watchdog, time=self._stand_in()),
        ):
            self._traveller = traveller
            try:
                yield
            finally:
                self._traveller = None

    def _stand_in(self) -> types.SimpleNamespace:
        return types.SimpleNamespace(monotonic=self.monotonic)
