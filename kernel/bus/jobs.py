"""What time triggers: `@every(minutes=1)` on a function in an app's `jobs.py`."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable

import structlog
from django.db import connection

from kernel.bus import context
from kernel.ids import new_id

log = structlog.get_logger(__name__)


@dataclasses.dataclass(frozen=True)
class Job:
    """A function that the scheduler asks for at a fixed pace. It opens its own transactions."""

    name: str
    interval: dt.timedelta
    run: Callable[[], None]


_JOBS: dict[str, Job] = {}


def every(
    *, minutes: int = 0, seconds: int = 0
) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Let the decorated function of `apps/<app>/jobs.py` run at this interval."""

    def register(func: Callable[[], None]) -> Callable[[], None]:
        name = f"{func.__module__.split('.')[1]}.{func.__name__}"
        _JOBS[name] = Job(name, dt.timedelta(minutes=minutes, seconds=seconds), func)
        return func

    return register


def all_jobs() -> list[Job]:
    """Return every job, by name."""
    return [_JOBS[name] for name in sorted(_JOBS)]


def run(name: str) -> bool:
    """
    Run a job, unless it is running elsewhere; return whether it ran.

    The lock is the session's (`pg_try_advisory_lock`), since a job opens transactions itself.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [f"job:{name}"])
        if not cursor.fetchone()[0]:
            return False
    try:
        with context.acting(context.Context(actor=name, correlation_id=str(new_id()))):
            _JOBS[name].run()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [f"job:{name}"])
    return True
