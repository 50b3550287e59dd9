"""Threads that end together, and whose failures are not lost."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Ended(Exception):
    """The run is over; nobody waits for the answer any more."""


class Threads:
    """All that goes on beside the supervisor; each method may be called from any thread."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self.failures: list[BaseException] = []

    @property
    def has_ended(self) -> bool:
        """Whether all are to end."""
        return self._ended.is_set()

    def start(self, name: str, run: Callable[[], None]) -> threading.Thread:
        """Run this until it returns; a failure is kept and ends all."""
        thread = threading.Thread(target=self._guard, args=(run,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def pause(self, seconds: float) -> None:
        """
        Wait.

        :raises Ended: if all are to end.
        """
        if self._ended.wait(seconds):
            raise Ended

    def end(self, seconds: float = 15.0) -> None:
        """Let all come to their ends; who doesn't within these seconds is left behind."""
        self._ended.set()
        for thread in self._threads:
            thread.join(seconds)

    def _guard(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Ended:
            pass
        except BaseException as failure:  # noqa: BLE001 -- told by the main thread
            self.failures.append(failure)
            self._ended.set()
