"""Who goes on next: at each step one process, as the seed draws it."""

from __future__ import annotations

import functools
from collections.abc import Callable

from simulation.baton import Baton, State, Stuck, Task
from simulation.broker import Broker
from simulation.chance import Chance
from simulation.clock import Clock
from simulation.faults import Faults, Kind
from simulation.processes import Begun, Processes
from simulation.trace import Trace

MOST_STEPS = 20_000
SHORTEST_STEP_SECONDS, STEP_SECONDS = 0.001, 0.05  # the latter may be added

Option = tuple[float, Callable[[], None]]  # its weight, and what it does


class Style:
    """How a schedule goes about it: how many at once, how restless, how hasty the people."""

    def __init__(self, chance: Chance, *, is_calm: bool) -> None:
        self.most_tasks = 1 if is_calm else chance.pick((1, 2, 3, 5, 8), "most tasks")
        self.most_people = 1 if is_calm else chance.pick((1, 2, 3), "most people")
        self.stay = chance.pick((0.0, 0.5, 0.9), "stay")
        self.haste = chance.pick((0.02, 0.1, 0.5, 2.0), "haste")

    def one_by_one(self) -> None:
        """Let people act one after the other from now on."""
        self.most_people, self.haste = 1, 1.0


class Stepper:
    """Lets the processes go on, one step at a time, until all is quiet."""

    def __init__(
        self,
        *,
        baton: Baton,
        processes: Processes,
        broker: Broker,
        faults: Faults,
        trace: Trace,
        clock: Clock,
        style: Style,
    ) -> None:
        self.waits = 0
        self.style = style
        self._baton, self._processes, self._broker = baton, processes, broker
        self._faults, self._trace, self._clock = faults, trace, clock
        self._chance = faults.chance
        self._stay, self._choice = self._chance.shares(2, "step", 0)  # of the next step
        self._ends: dict[Task, Begun] = {}
        self._last: Task | None = None
        self._waiting: set[Task] = set()
        self.written: set[str] = set()  # tables, by those who are done

    def until_quiet(self) -> bool:
        """Go on until nothing is left that time alone would move; False if it never ends."""
        while self._trace.steps < MOST_STEPS:
            if self._make_step():
                self._pass_time()
            elif not self._wait():
                return True
        return False

    def _pass_time(self) -> None:
        self._trace.steps += 1
        self._stay, self._choice, time = self._chance.shares(3, "step", self._trace.steps)
        self._clock.advance(SHORTEST_STEP_SECONDS + time * STEP_SECONDS)

    def _wait(self) -> bool:
        """Let time pass until something can go on; False if nothing waits."""
        at = self._processes.next_at()
        if at is not None:
            self._clock.move(to=at)
        return at is not None

    def _make_step(self) -> bool:
        """Let one process make one step, or begin something; False if none can."""
        self._processes.ring()
        parked = self._baton.parked()
        if self._stay < self.style.stay and self._last and self._last in parked:
            self._step(self._last)
            return True
        options: list[Option] = [(3.0, functools.partial(self._step, task)) for task in parked]
        if len(self._baton.tasks) < self.style.most_tasks:
            options += self._beginnings()
        if not options:
            return self._break_deadlock()
        self._pick(options)()
        return True

    def _beginnings(self) -> list[Option]:
        found = [(1.0, self._beginning(self._processes.deliver, q)) for q in self._broker.queues()]
        if self._processes.can_relay:
            found.append((1.0, self._beginning(self._processes.relay)))
        if self._processes.webhooks:
            found.append((1.0, self._beginning(self._processes.webhook)))
        jobs = dict.fromkeys(self._processes.due_jobs)
        found += [(1.0, self._beginning(self._processes.job, name)) for name in jobs]
        if self._processes.acts and self._processes.busy_people < self.style.most_people:
            found.append((self.style.haste, self._beginning(self._processes.act)))
        return found

    def _beginning(self, make: Callable[..., Begun], *arguments: str) -> Callable[[], None]:
        return lambda: self._begin(make(*arguments))

    def _pick(self, options: list[Option]) -> Callable[[], None]:
        left = self._choice * sum(weight for weight, _ in options)
        for weight, option in options:
            left -= weight
            if left < 0:
                return option
        return options[-1][1]

    def _begin(self, begun: Begun) -> None:
        task = begun.task
        task.tell = lambda what: self._trace.note(task.name, f"= {what}")
        self._ends[task] = begun
        self._trace.note(task.name, "begins")
        self._baton.start(task)

    def _step(self, task: Task) -> None:
        self._last = task
        point = task.point
        if self._faults.kills(point):
            self._trace.note(task.name, f"{point} DIES")
            self._baton.kill(task)
        else:
            self._trace.note(task.name, f"{point} {task.told}".rstrip())
            self._baton.step(task)
            self._note_outbox(task, point)
        self._look_around()

    def _note_outbox(self, task: Task, point: str) -> None:
        """Wake the relay when events were committed: it would look soon enough by itself."""
        if point.partition("#")[2].startswith("commit.") and task.edge != "relay":
            self._processes.is_relay_due |= "bus_outbox" in task.written

    def _look_around(self) -> None:
        """See off who is done, and note who waits."""
        for task in [task for task in self._baton.tasks if task.state is State.DONE]:
            self._see_off(task)
        blocked = self._baton.blocked()
        for task in blocked:
            if task not in self._waiting:
                self.waits += 1
                self._trace.note(task.name, "waits for a lock")
        self._waiting = set(blocked)
        if len(blocked) > 1:
            self._break_deadlock()

    def _see_off(self, task: Task) -> None:
        self._baton.forget(task)
        self.written |= task.written
        ended = "dies" if task.is_killed else f"fails: {task.error!r}" if task.error else "ends"
        self._trace.note(task.name, ended)
        self._ends.pop(task).ended(task)

    def _break_deadlock(self) -> bool:
        """
        End one of those who wait for each other, if there are such; False if nobody waits.

        :raises Stuck: if all wait for something else.
        """
        if not self._baton.blocked():
            return False
        victim = self._baton.break_deadlock(
            lambda tasks: self._chance.pick(tasks, "victim", self._trace.steps)
        )
        if victim:
            self._faults.note(Kind.DEADLOCK, victim.name)
            self._trace.note(victim.name, "is ended: deadlock")
            self._look_around()
        elif not self._baton.parked():
            raise Stuck(", ".join(task.name for task in self._baton.blocked()))
        return True
