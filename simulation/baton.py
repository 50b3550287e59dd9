"""
Threads of which exactly one runs at any moment: whoever holds the baton.

A thread gives it back at every point: before each database statement, before and after each
commit, before and after each call to the outside. One whose statement waits for a lock has not
come to its next point: it is set aside as blocked, and joins again when the lock is its own.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import enum
import queue
import threading
from collections.abc import Callable, Iterator

from django.db import connection

from simulation.locks import LockWatch
from simulation.points import Walk

_GRACE_SECONDS = 0.004  # a statement that takes longer may be waiting for a lock: ask
_PATIENCE = 7_500  # so often is asked: half a minute


class Killed(BaseException):
    """The process died here. Nothing of ours may catch it."""


class Stuck(Exception):
    """A thread neither came to its next point nor waits for a lock: a fault of the simulator."""


class State(enum.Enum):
    """Where a task stands."""

    PARKED = "parked"
    RUNNING = "running"
    BLOCKED = "blocked"
    DONE = "done"


@dataclasses.dataclass(eq=False)
class Task:
    """
    What one process does in one go: deliver a message, answer a request, run a job.

    `point` is where it stands and will go on; `result` is what `run` returned, `error` what ended
    it instead. `tell` hears what came of a step, for the trace.
    """

    name: str
    run: Callable[[], object]
    edge: str
    state: State = State.PARKED
    point: str = ""
    told: str = ""  # what the trace says of the point
    error: BaseException | None = None
    is_killed: bool = False
    is_deadlocked: bool = False  # its statement is being ended for it
    had_deadlock: bool = False
    backend: int = 0
    written: set[str] = dataclasses.field(default_factory=set)  # tables, so far
    result: object = None
    tell: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self.walk = Walk(self.edge)
        self.go, self.arrived = threading.Lock(), threading.Lock()
        self.go.acquire()
        self.arrived.acquire()

    def stop_at(self, label: str, told: str = "") -> None:
        """
        Give the baton back, and wait for it.

        :raises Killed: if the process dies here; from then on at every point.
        """
        self._demand_life()
        self.point, self.told = self.walk.point(label), told
        self.state = State.PARKED
        self.arrived.release()
        self.go.acquire()
        self._demand_life()

    def _demand_life(self) -> None:
        if self.is_killed:
            connection.close()  # PostgreSQL rolls back when it finds nobody there
            raise Killed(self.point)

    @contextlib.contextmanager
    def walking(self, edge: str) -> Iterator[None]:
        """Count the block's points as those of an edge of its own."""
        before, self.walk = self.walk, Walk(edge)
        try:
            yield
        finally:
            self.walk = before

    def execute(self) -> None:
        """Run to the end; in a thread of its own."""
        _local.task = self
        try:
            self.stop_at("begin")
            self.result = self.run()
        except BaseException as error:  # noqa: BLE001 -- whoever holds the baton judges it
            self.error = error
        finally:
            if self.is_killed:
                connection.close()
            _local.task = None
            self.state = State.DONE
            self.arrived.release()


_local = threading.local()


def current_task() -> Task | None:
    """Return the task that this thread runs, if it runs one."""
    return getattr(_local, "task", None)


class Lane:
    """A thread with its own database connection, for one task after the other."""

    def __init__(self) -> None:
        self.task: Task | None = None
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def take(self, task: Task) -> None:
        """Begin a task, as far as its first point."""
        self.task = task
        self._tasks.put(task)

    def end(self) -> None:
        """Close the connection and end the thread."""
        self._tasks.put(None)
        self._thread.join(30)

    def _work(self) -> None:
        while task := self._tasks.get():
            contextvars.Context().run(task.execute)
        connection.close()


class Baton:
    """Lets tasks go on, one step each, and knows who waits for whom."""

    def __init__(self, watch: LockWatch) -> None:
        self.watch = watch
        self.tasks: list[Task] = []
        self._lanes: list[Lane] = []

    def start(self, task: Task) -> None:
        """Let a task come as far as its first point."""
        lane = next((each for each in self._lanes if each.task not in self.tasks), None)
        if lane is None:
            self._lanes.append(lane := Lane())
        self.tasks.append(task)
        lane.take(task)
        self._await(task)

    def parked(self) -> list[Task]:
        """Return the tasks that can go on, in the order in which they began."""
        return [task for task in self.tasks if task.state is State.PARKED]

    def blocked(self) -> list[Task]:
        """Return the tasks that wait for a lock."""
        return [task for task in self.tasks if task.state is State.BLOCKED]

    def step(self, task: Task) -> None:
        """Let a parked task go on to its next point, its end, or a lock; and who waited for it."""
        self._let_go(task)
        self._settle()

    def kill(self, task: Task) -> None:
        """Let the task's process die where it stands; its transaction is rolled back."""
        task.is_killed = True
        self._let_go(task)
        if task.backend:
            self.watch.wait_for_end(task.backend)
        self._settle()

    def break_deadlock(self, choose: Callable[[list[Task]], Task]) -> Task | None:
        """Let one of those who wait for each other fail, as PostgreSQL would; None if none do."""
        blocked = {task.backend: task for task in self.blocked()}
        cycle = self.watch.cycle(list(blocked))
        if not cycle:
            return None
        victim = choose([blocked[pid] for pid in sorted(cycle, key=list(blocked).index)])
        victim.is_deadlocked = victim.had_deadlock = True
        self.watch.cancel(victim.backend)
        self.watch.release(victim.backend)
        self._await(victim)
        self._settle()
        return victim

    def forget(self, task: Task) -> None:
        """Take a task that is done off the list."""
        self.tasks.remove(task)

    def close(self) -> None:
        """Kill what still runs, and end all threads."""
        for task in list(self.tasks):
            task.is_killed = True
            if task.state is State.BLOCKED:
                self.watch.cancel(task.backend)
                self.watch.release(task.backend)
            elif task.state is State.PARKED:
                task.go.release()
        for lane in self._lanes:
            lane.end()
        self.tasks.clear()

    def _let_go(self, task: Task) -> None:
        task.state = State.RUNNING
        task.go.release()
        self._await(task)

    def _await(self, task: Task) -> None:
        for _ in range(_PATIENCE):
            if task.arrived.acquire(timeout=_GRACE_SECONDS):
                return
            if task.backend and not task.is_killed and self.watch.is_waiting(task.backend):
                self.watch.hold(task.backend)
                task.state = State.BLOCKED
                return
        raise Stuck(f"{task.name} at {task.point} ({task.backend}): {self.watch.describe()}")

    def _settle(self) -> None:
        """Let those go on who have the lock now that they waited for: one after the other."""
        while ready := next(
            (task for task in self.blocked() if not self.watch.is_waiting(task.backend)), None
        ):
            self.watch.release(ready.backend)
            ready.state = State.RUNNING
            self._await(ready)
