from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from celery import beat, current_app
from celery.schedules import schedule
from django.core.management.base import BaseCommand

from kernel.bus.jobs import Job, all_jobs
from kernel.bus.liveness import show_alive


class Command(BaseCommand):
    help = (
        "Send each job of the apps' jobs.py to the queue `bus` when it is due. One is enough; a"
        " second one does no harm, since a job takes a lock on its name."
    )
    requires_system_checks = ()

    def handle(self, *_: Any, **__: Any) -> None:
        current_app.conf.beat_schedule = beat_schedule()
        # It may be a class too, whatever its types say.
        service = current_app.Beat(scheduler_cls=Beat, quiet=True)  # type: ignore[arg-type]
        self.stdout.write("Scheduler: started.")
        self.stdout.flush()
        service.run()


class Beat(beat.Scheduler):
    """Celery's own, which shows that it lives each time that it looks for what is due."""

    max_interval = 20  # seconds between two looks

    def tick(self, *args: Any, **options: Any) -> Any:
        """Send what is due; return how long to sleep."""
        show_alive()
        return super().tick(*args, **options)


def beat_schedule(jobs: Iterable[Job] | None = None) -> dict[str, dict[str, Any]]:
    """Return jobs, by default all, as Celery beat wants them."""
    return {job.name: _entry(job) for job in (all_jobs() if jobs is None else jobs)}


def _entry(job: Job) -> dict[str, Any]:
    # `relative` rounds to the minute, hour or day: a daily job runs at midnight, however often
    # the scheduler starts anew. A message that has waited for a whole interval is dropped.
    return {
        "task": "bus.run_job",
        "args": [job.name],
        "schedule": schedule(job.interval, relative=True),
        "options": {"queue": "bus", "expires": job.interval.total_seconds()},
    }
