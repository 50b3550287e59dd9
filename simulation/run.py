"""One schedule, from its first act until all is quiet, and what it came to."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

from apps.audit import gateway as audit_gateway
from apps.audit.gateway import FakeAnchorStore
from apps.invoices import gateway as invoices_gateway
from apps.payment import gateway as payment_gateway
from apps.payment.models import Operation
from kernel import mail
from simulation.acts import Act, closing_acts, draw_acts
from simulation.baton import Baton
from simulation.broker import Broker
from simulation.chance import Chance, seeded
from simulation.clock import Clock
from simulation.database import Stage
from simulation.faults import Fault, Faults, Kind
from simulation.gateway import SimulatedDocumentStore, SimulatedGateway, SimulatedPost
from simulation.invariants import violations
from simulation.processes import Processes, edges_named
from simulation.schedule import Schedule
from simulation.stepping import Stepper, Style
from simulation.trace import Trace
from simulation.world import World

MOST_CLOSINGS = 12
MOST_NIGHTS = 12
# How far time leaps when all is quiet, in minutes: past the watch for wishes, past the time an
# order may wait, past what the log waits for its hearers.
LEAPS = (1.5, 16.0, 61.0)
ENDLESS = "It never became quiet."

Draw = Callable[..., Sequence[Act]]
Judge = Callable[[World], list[str]]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a schedule came to. `points` are all crash points that it saw, in order."""

    schedule: Schedule
    violations: list[str]
    faults: list[Fault]
    acts: list[Act]
    points: list[str]
    steps: int
    waits: int
    seconds: float
    notes: Trace

    @property
    def trace(self) -> list[str]:
        """All that happened, line by line."""
        return self.notes.lines

    @property
    def digest(self) -> str:
        """A hash of the trace."""
        return self.notes.digest

    @property
    def visited(self) -> set[str]:
        """The points at which a process died."""
        return {fault.struck for fault in self.faults if fault.kind is Kind.KILL}


def simulate(
    schedule: Schedule, stage: Stage, *, draw: Draw = draw_acts, judge: Judge = violations
) -> Outcome:
    """Run a schedule on a shop that has just opened, and put the shop back."""
    begun = time.perf_counter()
    clock = Clock()
    with clock.installed(), seeded(schedule.seed, clock), edges_named():
        run = _Run(schedule, stage, clock, draw)
        try:
            found = run.until_the_end(judge)
        finally:
            run.baton.close()
            stage.reset(run.written())
    return Outcome(
        schedule=schedule,
        violations=found,
        faults=run.faults.injected,
        acts=run.acts,
        points=run.faults.points,
        steps=run.trace.steps,
        waits=run.stepper.waits,
        seconds=time.perf_counter() - begun,
        notes=run.trace,
    )


class _Run:
    def __init__(self, schedule: Schedule, stage: Stage, clock: Clock, draw: Draw) -> None:
        chance = Chance(schedule.seed)
        self.faults = Faults(schedule, chance)
        self.trace = Trace(clock)
        self.baton = Baton(stage.watch)
        drawn = draw(chance.stream("acts"))
        kept = range(len(drawn)) if schedule.acts is None else schedule.acts
        self.acts = [drawn[index] for index in kept if index < len(drawn)]
        self._clock = clock
        gateway = SimulatedGateway(clock, self.faults)
        store = SimulatedDocumentStore(clock, self.faults)
        post = SimulatedPost(clock, self.faults)
        self._broker = Broker(clock, self.faults)
        shop = stage.people(gateway)
        self._world = World(gateway, store, FakeAnchorStore(), post, self._broker, shop)
        self._processes = Processes(clock=clock, faults=self.faults, broker=self._broker, shop=shop)
        gateway.notify = self._processes.send_webhook
        self.stepper = Stepper(
            baton=self.baton,
            processes=self._processes,
            broker=self._broker,
            faults=self.faults,
            trace=self.trace,
            clock=clock,
            style=Style(chance, is_calm=schedule.is_calm),
        )

    def written(self) -> set[str]:
        """Return the tables that some process may have written to."""
        return self.stepper.written.union(*(task.written for task in self.baton.tasks))

    def until_the_end(self, judge: Judge) -> list[str]:
        """Let people act, let all become quiet, and return what doesn't hold then."""
        with (
            payment_gateway.installed(self._world.gateway),
            invoices_gateway.installed(self._world.documents),
            audit_gateway.installed(self._world.anchors),
            mail.installed(self._world.post),
        ):
            is_quiet = self._open_hours() and self._evenings()
            found = judge(self._world) if is_quiet else [ENDLESS]
        return [*self._processes.violations, *found]

    def _open_hours(self) -> bool:
        self._processes.acts = list(self.acts)
        return self.stepper.until_quiet() and self._leap(LEAPS[0])

    def _evenings(self) -> bool:
        """Close, and let the night pass; what comes to life by night is worked off the next day."""
        for _ in range(MOST_CLOSINGS):
            if not (self._closing_time() and self._nights()):
                return False
            if not closing_acts(self._world):
                break
        return True

    def _closing_time(self) -> bool:
        """Let staff work off what is open; things still break."""
        self.stepper.style.one_by_one()
        for _ in range(MOST_CLOSINGS):
            self._processes.acts = closing_acts(self._world)
            if not self._processes.acts:
                return True
            if not self.stepper.until_quiet():
                return False
        return True

    def _nights(self) -> bool:
        """
        Let time heal what broke. Nothing is drawn any more, but who was aimed at still dies.

        An answer that a card kept back in one night comes in the next, and may lead to another
        wish: a shop that heals has no open one after a few.
        """
        self.faults.is_over = True
        for _ in range(MOST_NIGHTS):
            deaths = self.faults.deaths
            if self._broker.redrive():
                self.trace.note("operator", "redrives the dead letters")
            if not all(self._leap(minutes) for minutes in LEAPS):
                return False
            if deaths == self.faults.deaths and not _is_any_wish_open():
                break
        return True

    def _leap(self, minutes: float) -> bool:
        self._clock.advance(minutes * 60)
        self._processes.start_round(minutes=minutes)
        self._processes.is_relay_due = True
        return self.stepper.until_quiet()


def _is_any_wish_open() -> bool:
    return Operation.objects.filter(state=Operation.State.WISHED).exists()
