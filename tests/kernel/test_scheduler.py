"""What time triggers, from Celery beat to the queue."""

from __future__ import annotations

import datetime as dt
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from celery.beat import Scheduler

from ecommerce.celery import app
from kernel.bus.jobs import Job, all_jobs
from kernel.bus.management.commands.scheduler import Beat, beat_schedule
from tests.aws import Aws, eventually
from tests.kernel.processes import shop_environment


def test_each_job_is_sent_to_its_queue_when_due(aws: Aws) -> None:
    app.conf.beat_schedule = beat_schedule()
    beat = Scheduler(app=app, lazy=True)
    beat.setup_schedule()

    for entry in beat.schedule.values():
        beat.apply_async(entry)

    messages = [json.loads(body) for body in aws.bodies("bus")]
    found = sorted((m["headers"]["task"], json.loads(m["body"])[0]) for m in messages)
    assert found == [("bus.run_job", [job.name]) for job in all_jobs()]
    assert all(m["headers"]["expires"] for m in messages)


def test_a_daily_job_is_due_at_midnight_whenever_the_scheduler_started() -> None:
    entry = beat_schedule([Job("x.y", dt.timedelta(days=1), print)])["x.y"]["schedule"]
    entry.nowfun = lambda: dt.datetime(2026, 3, 1, 22, 30, tzinfo=dt.UTC)

    due = entry.is_due(dt.datetime(2026, 3, 1, 15, 0, tzinfo=dt.UTC))

    assert (due.is_due, due.next) == (False, 90 * 60)


def test_the_scheduler_shows_each_time_that_it_looks_that_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = tmp_path / "alive"
    monkeypatch.setenv("LIVENESS_FILE", str(shown))
    beat = Beat(app=app, lazy=True)
    for _ in range(2):
        assert beat.tick() <= 20  # seconds until it looks again
        shown.unlink()


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_the_scheduler_shows_that_it_lives_and_ends_when_told_to(aws: Aws, tmp_path: Path) -> None:
    log, shown = tmp_path / "log", tmp_path / "alive"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "django", "scheduler"],
            env={**shop_environment(), "LIVENESS_FILE": str(shown)},
            stdout=output,
            stderr=output,
        )
    try:
        eventually(shown.exists)
        eventually(lambda: catches(process.pid, signal.SIGTERM))
        time.sleep(1)  # Celery imports a last part now, and fails if it is stopped at it
        process.terminate()
        status = process.wait(10)
    finally:
        process.kill()
        process.wait()

    assert (status, log.read_text()) == (0, "Scheduler: started.\n")


def catches(pid: int, number: signal.Signals) -> bool:
    """Say whether the process handles the signal itself (as Linux tells)."""
    status = Path(f"/proc/{pid}/status").read_text()
    [mask] = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
    return bool(int(mask, 16) & 1 << (number - 1))
