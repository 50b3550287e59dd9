"""The shop's processes: what each can begin now, and what becomes of what it began."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast
from unittest import mock

from apps.payment.gateway import Wish
from kernel.bus import inbox, jobs
from kernel.bus.relay import Pack, Relay, Sent
from simulation.acts import Act
from simulation.baton import Task, current_task
from simulation.broker import Broker
from simulation.clock import Clock
from simulation.faults import Faults, Kind
from simulation.people import ShopClients

MOST_RELAYS = 2
SLOWEST_CLIENT_SECONDS = 30.0
WEBHOOK_AGAIN_SECONDS = 2.0
RELAY_PAUSE_SECONDS = 31.0  # longer than a row waits that could not be sent
# They talk to SQS itself; the simulated broker keeps its own dead letters.
WITHOUT_SQS = {"bus.record_dead_letters"}
# They look at what is older than an hour, with many statements.
SLOW = {
    "audit.anchor_heads",
    "audit.drop_expired",
    "bus.prune_log",
    "bus.send_unheard",
    "payment.reconcile_days_that_are_over",
    "users.forget_old_logins",
}

_run_handler = inbox._run  # noqa: SLF001


@dataclasses.dataclass(frozen=True)
class Begun:
    """A task, and what is to be done when it has ended."""

    task: Task
    ended: Callable[[Task], None]


class Processes:
    """Workers, relays, schedulers and web processes, with all that waits for them."""

    def __init__(self, *, clock: Clock, faults: Faults, broker: Broker, shop: ShopClients) -> None:
        self.acts: list[Act] = []
        self.due_jobs: list[str] = []
        self.webhooks: list[Wish] = []
        self.is_relay_due = False
        self.violations: list[str] = []
        self._clock, self._faults, self._broker, self._shop = clock, faults, broker, shop
        self._later: list[tuple[dt.datetime, int, Callable[[], None]]] = []
        self._numbers = 0
        self._relays = 0
        self.busy_people = 0

    # -- what can begin ---------------------------------------------------------------------------
    def deliver(self, queue: str) -> Begun:
        """Let a worker take a message."""
        message = self._broker.take(queue)

        def run() -> bool:
            is_done = inbox.deliver(message.queue, message.pack)
            _stop_at("handled")  # who dies here has done all, and acknowledged nothing
            return is_done

        def ended(task: Task) -> None:
            self._judge(task)
            if task.is_killed:
                self._broker.lose(message)
            elif task.result:
                self._broker.acknowledge(message)
            else:
                self._broker.give_back(message)

        name = f"{queue} m{message.number}.{message.receives}"
        return Begun(Task(name, run, "inbox"), ended)

    def relay(self) -> Begun:
        """Let a relay send what is due."""
        self._relays += 1
        self.is_relay_due = False

        def run() -> Sent:
            return Relay(self._courier).send_due(at=self._clock.now())

        def ended(task: Task) -> None:
            self._judge(task)
            self._relays -= 1
            if task.is_killed or task.error:
                self.is_relay_due = True
            elif cast("Sent", task.result).failed:
                self._after(RELAY_PAUSE_SECONDS, self._wake_relay)

        return Begun(Task(f"relay {self._next()}", run, "relay"), ended)

    def job(self, name: str) -> Begun:
        """Let a scheduler's worker run a job."""
        self.due_jobs.remove(name)
        return Begun(
            Task(f"job {self._next()}", lambda: jobs.run(name), f"job.{name}"), self._judge
        )

    def act(self) -> Begun:
        """Let the next person do what they want; who gets no answer asks again."""
        act = self.acts.pop(0)
        self.busy_people += 1

        def ended(task: Task) -> None:
            self.busy_people -= 1
            if task.is_killed or task.had_deadlock:
                pause = self._faults.chance.between(1, SLOWEST_CLIENT_SECONDS, "client", task.name)
                self._after(pause, lambda: self.acts.insert(0, act))
            else:
                self._judge(task)

        edge = f"web.{act.name.replace(' ', '-')}"
        return Begun(
            Task(f"{act.key}/{self._next()}", lambda: act.perform(self._shop), edge), ended
        )

    def webhook(self) -> Begun:
        """Let the shop hear from the gateway, which sends again what was not acknowledged."""
        wish = self.webhooks.pop(0)

        def ended(task: Task) -> None:
            if task.is_killed or task.had_deadlock:
                self.send_webhook(wish, WEBHOOK_AGAIN_SECONDS)
            else:
                self._judge(task)

        name = f"webhook {self._next()}"
        return Begun(Task(name, lambda: self._shop.hear_webhook(wish), "web.webhook"), ended)

    def send_webhook(self, wish: Wish, seconds: float) -> None:
        """Let a webhook come to the shop after a pause."""
        if seconds:
            self._after(seconds, lambda: self.webhooks.append(wish))
        else:
            self.webhooks.append(wish)

    @property
    def can_relay(self) -> bool:
        """Whether something may wait in the outbox, and a relay is idle."""
        return self.is_relay_due and self._relays < MOST_RELAYS

    def start_round(self, *, minutes: float) -> None:
        """
        Let the scheduler ask for the jobs after a pause: for some twice, for some not this time.

        What is slow is asked for only when the pause was long enough for it to find anything.
        """
        for job in jobs.all_jobs():
            if job.name in WITHOUT_SQS or (job.name in SLOW and minutes < 60):
                continue
            occasion = f"{self._next()}"
            if self._faults.strikes(Kind.JOB_LATE, occasion, job.name):
                continue
            self.due_jobs.append(job.name)
            if self._faults.strikes(Kind.JOB_TWICE, occasion, job.name):
                self.due_jobs.append(job.name)

    # -- time -------------------------------------------------------------------------------------
    def next_at(self) -> dt.datetime | None:
        """Return when something that waits for the time can go on."""
        times = [at for at, _, _ in self._later]
        if hidden := self._broker.next_at():
            times.append(hidden)
        return min(times, default=None)

    def ring(self) -> None:
        """Do what the time has come for."""
        now = self._clock.now()
        due = sorted(each for each in self._later if each[0] <= now)
        self._later = [each for each in self._later if each[0] > now]
        for _, _, act in due:
            act()

    # -- inside -----------------------------------------------------------------------------------
    def _courier(self, packs: Sequence[Pack]) -> list[Pack]:
        return self._broker.send(packs, lambda _: _stop_at("send"))

    def _wake_relay(self) -> None:
        self.is_relay_due = True

    def _after(self, seconds: float, call: Callable[[], None]) -> None:
        at = self._clock.now() + dt.timedelta(seconds=seconds)
        self._later.append((at, self._next(), call))

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers

    def _judge(self, task: Task) -> None:
        """Let no process end by an error of its own: only handlers may fail, in the inbox."""
        if task.error and not task.is_killed and not task.had_deadlock:
            self.violations.append(f"{task.name} in {task.edge}: {task.error!r}")


@contextlib.contextmanager
def edges_named() -> Iterator[None]:
    """Let the points inside a handler be the handler's own."""

    def run(handler: Any, *arguments: Any) -> None:
        if task := current_task():
            with task.walking(handler.name if handler else "unknown"):
                _run_handler(handler, *arguments)
        else:
            _run_handler(handler, *arguments)

    with mock.patch.object(inbox, "_run", run):
        yield


def _stop_at(label: str) -> None:
    if task := current_task():
        task.stop_at(label)
