"""Workers, each a process with a database of its own, that run schedules side by side."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson
import psycopg
from psycopg import sql

from dev import ROOT
from dev.postgres import LocalPostgres
from dev.stand_in import STAND_IN

_TEMPLATE = "crash"


class WorkerDied(Exception):
    """A worker ended; what it said last stands above."""


@dataclasses.dataclass(frozen=True)
class Report:
    """
    What a worker tells of a schedule: see `run.Outcome`. Faults are (kind, text, struck).

    Trace and digest are empty unless they were asked for.
    """

    schedule: str
    violations: list[str]
    faults: list[tuple[str, str, str]]
    acts: list[str]
    points: list[str]
    trace: list[str]
    digest: str
    steps: int
    waits: int
    seconds: float

    @property
    def visited(self) -> list[str]:
        """The points at which a process died."""
        return [struck for kind, _, struck in self.faults if kind == "kill"]

    @property
    def drawn(self) -> list[str]:
        """The faults that can be asked for again: a deadlock comes by itself."""
        return [text for kind, text, _ in self.faults if kind != "deadlock"]


class Crew:
    """Hands schedules to workers in turn; reports come back in the order of asking."""

    def __init__(self, workers: Sequence[subprocess.Popen[str]]) -> None:
        self._workers = workers
        self._asked: deque[subprocess.Popen[str]] = deque()
        self._turn = 0
        for worker in workers:
            _read(worker)

    def run(self, schedule: str) -> Report:
        """Run one schedule, and report its trace too; nothing else may be under way."""
        self._ask(schedule, is_traced=True)
        return self._hear()

    def run_all(self, schedules: Iterator[str], *, is_traced: bool = False) -> Iterator[Report]:
        """Run schedules; each is only drawn once a worker can take it."""
        for schedule in schedules:
            self._ask(schedule, is_traced=is_traced)
            if len(self._asked) == len(self._workers):
                yield self._hear()
        while self._asked:
            yield self._hear()

    def _ask(self, schedule: str, *, is_traced: bool) -> None:
        worker = self._workers[self._turn % len(self._workers)]
        self._turn += 1
        assert worker.stdin  # noqa: S101 -- a pipe was asked for
        asked = orjson.dumps({"schedule": schedule, "is_traced": is_traced})
        worker.stdin.write(f"{asked.decode()}\n")
        worker.stdin.flush()
        self._asked.append(worker)

    def _hear(self) -> Report:
        return Report(**orjson.loads(_read(self._asked.popleft())))


def _read(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout  # noqa: S101 -- a pipe was asked for
    line = worker.stdout.readline()
    if not line:
        raise WorkerDied
    return line


@contextlib.contextmanager
def hired(count: int, *, defect: str = "") -> Iterator[Crew]:
    """Start a PostgreSQL and workers on databases of their own; stop them in the end."""
    with (
        tempfile.TemporaryDirectory(prefix="shop-crash-") as directory,
        contextlib.ExitStack() as s,
    ):
        server = LocalPostgres(Path(directory) / "postgres")
        server.start()
        s.callback(server.forget)
        s.callback(server.stop)
        server.prepare(_TEMPLATE)
        _migrate(server)
        workers = []
        for number in range(count):
            name = f"{_TEMPLATE}_{number}"
            _clone(server, name)
            worker = _python(server, name, "-m", "simulation.worker", *filter(None, [defect]))
            s.callback(_dismiss, worker)
            workers.append(worker)
        yield Crew(workers)


def _migrate(server: LocalPostgres) -> None:
    with _python(server, _TEMPLATE, "manage.py", "migrate", "--verbosity", "0") as migrating:
        migrating.communicate()
    if migrating.returncode:
        raise WorkerDied


def _clone(server: LocalPostgres, name: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        query = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(query.format(sql.Identifier(name), sql.Identifier(_TEMPLATE)))


def _python(server: LocalPostgres, database: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        **STAND_IN,
        "DATABASE_URL": server.url(database),
        "DJANGO_SETTINGS_MODULE": "ecommerce.settings",
        "PYTHONHASHSEED": "0",  # the order of sets is chance as well
    }
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        cwd=ROOT,
        text=True,
    )


def _dismiss(worker: subprocess.Popen[str]) -> None:
    """End a worker: it leaves when nothing more can be asked of it."""
    assert worker.stdin  # noqa: S101 -- a pipe was asked for
    with contextlib.suppress(BrokenPipeError):
        worker.stdin.close()
    try:
        worker.wait(10)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
    if worker.stdout:
        worker.stdout.close()
