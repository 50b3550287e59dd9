"""What time triggers: `@every(minutes=1)` on a function in an app's `jobs.py`."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable

import structlog

from kernel.bus.spans import working
from kernel.locks import lock_if_free

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
    """Run a job, unless it is running elsewhere; return whether it ran."""
    with lock_if_free(f"job:{name}") as is_alone:
        if is_alone:
            with working(name):
                _JOBS[name].run()
    return is_alone
