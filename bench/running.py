"""A shop of the bench's own, started as `make run` starts one, and stopped without a trace."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg

from bench.counting import CountingProxy
from bench.processes import Cpu
from bench.queues import Backlog
from dev import ROOT
from dev.demo_users import demo_password
from dev.plan import Plan, free_port
from dev.run import Start
from dev.shop import Shop
from dev.supervisor import Supervisor

LONGEST_RUN_SECONDS = 6 * 3600
CHILD_SECONDS = 300.0
COURIERS = ("relay", "worker-*", "scheduler")  # what moves when nobody asks


class NotQuiet(Exception):
    """Events are still on their way after all the time that was given."""


class RunningShop:
    """The shop, what stands before its queues, and a look into its database."""

    def __init__(self, start: Start, proxy: CountingProxy) -> None:
        self.plan, self.requests, self.state = start.plan, proxy, start.shop.state
        self.password = demo_password(start.shop.state)
        self._supervisor = start.supervisor
        assert self.plan.postgres  # noqa: S101 -- the bench's own is always embedded
        self.database = psycopg.connect(self.plan.postgres.url(), autocommit=True)
        emulator = f"http://127.0.0.1:{self.plan.ports['emulator']}"  # past the proxy
        self.backlog = Backlog(self.database, self.environment, emulator)

    @property
    def environment(self) -> dict[str, str]:
        """What the shop's own processes are told."""
        return self.plan.environment

    def roots(self, *patterns: str) -> dict[str, int]:
        """Return the process ids of running programs, by name; all, or those that match."""
        return {
            name: child.process.pid
            for name, child in self._supervisor.children.items()
            if child.process and any(fnmatch.fnmatch(name, each) for each in patterns or ("*",))
        }

    def cpu(self, *patterns: str, also: dict[str, int] | None = None) -> Cpu:
        """Watch what these programs take; our own session in the database is left out."""
        own = self.database.info.backend_pid
        return Cpu({**self.roots(*patterns), **(also or {})}, without=[own])

    @contextlib.contextmanager
    def standing_still(self, *patterns: str) -> Iterator[None]:
        """Let these programs stand still while the block runs. What they hold, they keep."""
        with stopped(self.roots(*patterns).values()):
            yield

    def until_quiet(self, seconds: float = 600) -> None:
        """
        Wait until no event is on its way.

        :raises NotQuiet: if that takes longer.
        """
        deadline = time.monotonic() + seconds
        while left := self.backlog.unsent() or self.backlog.queued():
            if time.monotonic() > deadline:
                raise NotQuiet(f"{left} events or messages are left after {seconds:.0f} s.")
            time.sleep(0.25)

    def ask(
        self, module: str, *, asked: Any = None, environment: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """
        Run a program of `bench.inside`; it is given JSON, and answers JSON.

        :raises RuntimeError: if it fails.
        """
        done = subprocess.run(
            [sys.executable, "-m", module],
            env={**os.environ, **self.environment, **(environment or {})},
            cwd=ROOT,
            input=json.dumps(asked).encode(),
            stdout=subprocess.PIPE,
            timeout=CHILD_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{module} ended with status {done.returncode}.")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    @contextlib.contextmanager
    def program(self, *command: str) -> Iterator[int]:
        """Run another program with the shop's settings while the block runs; yield its id."""
        with (self.state / "log-of-programs").open("ab") as log:
            process = subprocess.Popen(
                command,
                env={**os.environ, **self.environment},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(30)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def stopped(roots: Collection[int]) -> Iterator[None]:
    """Let programs, each a process group of its own, stand still while the block runs."""
    for pid in roots:
        os.killpg(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in roots:
            os.killpg(pid, signal.SIGCONT)


def with_running_shop(work: Callable[[RunningShop], None]) -> None:
    """
    Start a shop, let `work` use it, stop and forget it.

    Settings are those of production, but for the places of things. `work` runs in a thread:
    this one reads what the processes print.
    """
    state = Path(tempfile.mkdtemp(prefix="shop-bench-"))
    given = {"STATE_DIR": str(state), "PORT": str(free_port()), "LOG_FORMAT": "json"}
    given["THROTTLE"] = "false"  # a few customers ask as often as thousands would
    os.environ.update(given)
    shop = Shop(given)
    try:
        with (state / "log").open("w+") as log:
            _run(shop, work, Supervisor(log))
    except BaseException:
        print((state / "log").read_text()[-4000:], file=sys.stderr)
        raise
    finally:
        shop.forget()


def _run(shop: Shop, work: Callable[[RunningShop], None], supervisor: Supervisor) -> None:
    failures: list[BaseException] = []
    with shop.lock(), supervisor, contextlib.ExitStack() as stack:
        start = Start(shop, Plan(shop), supervisor)
        proxy = CountingProxy(start.plan.ports["emulator"])
        stack.callback(proxy.close)
        start.plan.environment["AWS_ENDPOINT_URL"] = proxy.url
        start.plan.environment["QUEUE_URL_PREFIX"] = f"{proxy.url}/000000000000/shop-"
        start.bring_up()

        def run() -> None:
            try:
                work(RunningShop(start, proxy))
            except BaseException as failure:  # noqa: BLE001 -- raised by the main thread
                failures.append(failure)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        supervisor.wait(lambda: not thread.is_alive(), LONGEST_RUN_SECONDS, "The bench")
    for failure in failures:
        raise failure
