"""Who waits for a lock, as PostgreSQL says it; and waiting backends that are held until told."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Sequence

import psycopg

_WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = %s AND NOT granted)"
_BLOCKERS = "SELECT unnest(pg_blocking_pids(%s))"
_LIVES = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)"
_ACTIVITY = """
SELECT pid, state, wait_event_type, wait_event, left(query, 60) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
_PATIENCE_SECONDS = 30.0


class StillThere(Exception):
    """A backend did not end although its connection was closed."""


class LockWatch:
    """
    Looks from a connection of its own, while no other statement runs.

    A backend that waits is stopped (SIGSTOP): when its lock becomes free it has it, but goes on
    only once `release` lets it, so that never two go on at once. Waiting backends hold no
    lightweight lock, so nobody else is held up.
    """

    def __init__(self, conninfo: str) -> None:
        self._connection = psycopg.connect(conninfo, autocommit=True)
        self._held: set[int] = set()

    def is_waiting(self, pid: int) -> bool:
        """Say whether the backend waits for a lock that it was not granted."""
        return self._ask(_WAITS, pid)

    def hold(self, pid: int) -> None:
        """Stop a waiting backend."""
        os.kill(pid, signal.SIGSTOP)
        self._held.add(pid)

    def release(self, pid: int) -> None:
        """Let a held backend go on."""
        if pid in self._held:
            self._held.remove(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def cycle(self, pids: Sequence[int]) -> list[int]:
        """Return backends that wait for each other in a circle, or none."""
        waits = {pid: self._blockers(pid) for pid in pids}
        for pid in pids:
            path = [pid]
            while path[-1] in waits:
                following = [each for each in waits[path[-1]] if each in waits]
                if not following:
                    break
                if following[0] in path:
                    return path[path.index(following[0]) :]
                path.append(following[0])
        return []

    def cancel(self, pid: int) -> None:
        """End the statement of a backend; the caller lets it go on."""
        self._connection.execute("SELECT pg_cancel_backend(%s)", [pid])

    def wait_for_end(self, pid: int) -> None:
        """
        Wait until a backend whose connection was closed has rolled back and is gone.

        :raises StillThere: after half a minute.
        """
        deadline = time.perf_counter() + _PATIENCE_SECONDS
        while self._ask(_LIVES, pid):
            if time.perf_counter() > deadline:
                raise StillThere(pid)
            time.sleep(0.0005)

    def describe(self) -> str:
        """Say what each backend does: for whoever must find out why nothing goes on."""
        rows = self._connection.execute(_ACTIVITY).fetchall()
        return "; ".join(" ".join(map(str, row)) for row in rows)

    def close(self) -> None:
        """Let everyone go on, and leave."""
        for pid in sorted(self._held):
            self.release(pid)
        self._connection.close()

    def _ask(self, query: str, pid: int) -> bool:
        row = self._connection.execute(query, [pid]).fetchone()
        return bool(row and row[0])

    def _blockers(self, pid: int) -> list[int]:
        return sorted(row[0] for row in self._connection.execute(_BLOCKERS, [pid]))
