"""The queues, in memory: at least once, in any order, until someone acknowledges."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from kernel import limits
from kernel.bus.envelope import Envelope, from_wire
from kernel.bus.relay import Pack
from simulation.clock import Clock
from simulation.faults import Faults, Kind

MOST_AT_ONCE = 2  # consumers of one queue
LONGEST_DELAY_SECONDS = 900.0


@dataclasses.dataclass(eq=False)
class Message:
    """A pack of events for one queue, as it travels. `receives` counts who took it."""

    number: int
    queue: str
    events: list[dict[str, Any]]
    visible_at: dt.datetime
    receives: int = 0
    is_gone: bool = False

    @property
    def pack(self) -> list[Envelope]:
        """The events, read anew as each consumer does."""
        return [from_wire(event) for event in self.events]


class Broker:
    """
    Holds what was sent until it is acknowledged.

    Each queue gives its oldest visible message, unless a fault reorders; what is taken can't be
    seen for the visibility time-out, unless a fault gives it to a second consumer as well.
    """

    def __init__(self, clock: Clock, faults: Faults) -> None:
        self.waiting: list[Message] = []
        self.dead: list[Message] = []
        self.sent: list[str] = []  # the queue of each pack that was sent, in order
        self._clock, self._faults = clock, faults
        self._sent = self._taken = self._put_count = 0
        self._in_flight: dict[str, int] = {}

    def send(self, packs: Sequence[Pack], at_each: Callable[[Pack], None]) -> list[Pack]:
        """Take packs from the relay; return those that a fault refused. `at_each` may raise."""
        failed = []
        for pack in packs:
            at_each(pack)
            self._sent += 1
            if self._faults.strikes(Kind.UNSENT, self._sent, pack.queue):
                failed.append(pack)
                continue
            self._put(pack)
            if self._faults.strikes(Kind.DOUBLED, self._sent, pack.queue):
                self._put(pack)
        return failed

    def queues(self) -> list[str]:
        """Return the queues that have a message and an idle consumer, by name."""
        now = self._clock.now()
        there = {message.queue for message in self.waiting if message.visible_at <= now}
        return sorted(queue for queue in there if self._in_flight.get(queue, 0) < MOST_AT_ONCE)

    def take(self, queue: str) -> Message:
        """Give a consumer the next message of a queue, and hide it from the others."""
        now = self._clock.now()
        there = [m for m in self.waiting if m.queue == queue and m.visible_at <= now]
        self._taken += 1
        chosen = there[0]
        if len(there) > 1 and self._faults.strikes(Kind.REORDERED, self._taken, queue):
            chosen = self._faults.chance.pick(there[1:], "reordered", self._taken)
        chosen.receives += 1
        if not self._faults.strikes(Kind.AT_ONCE, self._taken, queue):
            chosen.visible_at = now + dt.timedelta(seconds=limits.VISIBILITY_SECONDS)
        self._in_flight[queue] = self._in_flight.get(queue, 0) + 1
        return chosen

    def acknowledge(self, message: Message) -> None:
        """Delete the message: its work is done."""
        self._let_go(message)
        message.is_gone = True
        if message in self.waiting:
            self.waiting.remove(message)

    def give_back(self, message: Message) -> None:
        """Let it come again after a pause; after the last receive it is a dead letter."""
        self._let_go(message)
        pause = limits.BACKOFF.get(message.receives, 1)
        self._show(message, pause)

    def lose(self, message: Message) -> None:
        """Its consumer died: it is seen again when the visibility time-out is over."""
        self._let_go(message)
        self._show(message, limits.VISIBILITY_SECONDS)

    def redrive(self) -> int:
        """Put dead letters back into their queues; return how many."""
        redriven, self.dead = self.dead, []
        for message in redriven:
            message.receives, message.visible_at = 0, self._clock.now()
            self.waiting.append(message)
        return len(redriven)

    def next_at(self) -> dt.datetime | None:
        """Return when the next hidden message will be seen."""
        now = self._clock.now()
        return min((m.visible_at for m in self.waiting if m.visible_at > now), default=None)

    def _put(self, pack: Pack) -> None:
        pause = 0.0
        if self._faults.strikes(Kind.DELAYED, self._sent, pack.queue):
            pause = self._faults.chance.between(1, LONGEST_DELAY_SECONDS, "delay", self._sent)
        at = self._clock.now() + dt.timedelta(seconds=pause)
        self._put_count += 1
        self.sent.append(pack.queue)
        self.waiting.append(Message(self._put_count, pack.queue, list(pack.events), at))

    def _let_go(self, message: Message) -> None:
        self._in_flight[message.queue] -= 1

    def _show(self, message: Message, pause: float) -> None:
        if message.is_gone or message in self.dead:  # the other of two consumers came first
            return
        message.visible_at = self._clock.now() + dt.timedelta(seconds=pause)
        if message.receives >= limits.MAX_RECEIVES:
            self.waiting.remove(message)
            self.dead.append(message)
