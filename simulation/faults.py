"""What goes wrong, and where: drawn from the seed, or exactly as a schedule says."""

from __future__ import annotations

import dataclasses
import enum

from simulation.chance import Chance
from simulation.schedule import Schedule

MOST_KILLS = 3  # of one schedule, beside those that it aims at


class Kind(enum.StrEnum):
    """A kind of fault; its value stands in a schedule's text."""

    KILL = "kill"  # a process dies at a point
    DELAYED = "delayed"  # a message is seen late
    DOUBLED = "doubled"  # a message is sent twice
    REORDERED = "reordered"  # a younger message is taken first
    AT_ONCE = "at-once"  # a message is given to two consumers at once
    UNSENT = "unsent"  # the queue refuses a pack
    GATEWAY_DOWN = "gateway-down"  # the payment gateway can't be reached for a while
    GATEWAY_SILENT = "gateway-silent"  # it did the work, but nobody hears its answer
    GATEWAY_TWICE = "gateway-twice"  # the network sends the request twice
    WEBHOOK_EARLY = "webhook-early"  # its webhook comes before its answer
    WEBHOOK_TWICE = "webhook-twice"  # its webhook comes again
    WEBHOOK_LOST = "webhook-lost"  # its webhook never comes
    STORE_DOWN = "store-down"  # documents can't be stored for a while
    STORE_SILENT = "store-silent"  # it was stored, but nobody hears so
    MAIL_DOWN = "mail-down"  # mails can't be sent for a while
    MAIL_SILENT = "mail-silent"  # it was sent, but nobody hears so
    JOB_TWICE = "job-twice"  # two schedulers ask for the same job
    JOB_LATE = "job-late"  # the scheduler sleeps through a round
    DEADLOCK = "deadlock"  # not drawn: PostgreSQL ends one of those who wait for each other


# How often each strikes where it can, in schedules that have it at all.
RATES = {
    Kind.KILL: 0.004,
    Kind.DELAYED: 0.15,
    Kind.DOUBLED: 0.15,
    Kind.REORDERED: 0.3,
    Kind.AT_ONCE: 0.15,
    Kind.UNSENT: 0.05,
    Kind.GATEWAY_DOWN: 0.1,
    Kind.GATEWAY_SILENT: 0.15,
    Kind.GATEWAY_TWICE: 0.15,
    Kind.WEBHOOK_EARLY: 0.3,
    Kind.WEBHOOK_TWICE: 0.15,
    Kind.WEBHOOK_LOST: 0.15,
    Kind.STORE_DOWN: 0.1,
    Kind.STORE_SILENT: 0.15,
    Kind.MAIL_DOWN: 0.1,
    Kind.MAIL_SILENT: 0.15,
    Kind.JOB_TWICE: 0.3,
    Kind.JOB_LATE: 0.3,
}


@dataclasses.dataclass(frozen=True)
class Fault:
    """One fault that struck: its kind, the occasion that names it, and what it struck."""

    kind: Kind
    occasion: str
    struck: str

    def __str__(self) -> str:
        return f"{self.kind}@{self.occasion}"


class Faults:
    """Decides at each occasion whether a fault strikes, and keeps what did."""

    def __init__(self, schedule: Schedule, chance: Chance) -> None:
        self.chance = chance
        self.injected: list[Fault] = []
        self.is_over = False
        self._schedule = schedule
        self._visits: dict[str, int] = {}
        self._kills = 0
        # Most schedules have only some kinds: those that hide each other also come apart.
        self._rates = {
            kind: rate if chance.share("has", kind) < 0.5 else 0.0 for kind, rate in RATES.items()
        }

    def strikes(self, kind: Kind, occasion: object, struck: str) -> bool:
        """Say whether this occasion goes wrong, and note it if so."""
        fault = Fault(kind, str(occasion), struck)
        if self._schedule.faults is not None:
            is_struck = str(fault) in self._schedule.faults
        else:
            rate = 0.0 if self.is_over else self._rates[kind]
            is_struck = rate > 0 and self.chance.share(kind, occasion) < rate
        if is_struck:
            self.injected.append(fault)
        return is_struck

    def kills(self, point: str) -> bool:
        """Say whether the process that stands at this point dies here."""
        visit = self._visits[point] = self._visits.get(point, 0) + 1
        occasion = f"{point}~{visit}"
        if self._schedule.faults is None and visit == 1 and point in self._schedule.targets:
            self.injected.append(Fault(Kind.KILL, occasion, point))
            return True
        if self._schedule.faults is None and self._kills >= MOST_KILLS:
            return False
        is_struck = self.strikes(Kind.KILL, occasion, point)
        self._kills += is_struck
        return is_struck

    def note(self, kind: Kind, struck: str) -> None:
        """Keep a fault that nobody drew."""
        self.injected.append(Fault(kind, str(len(self.injected)), struck))

    @property
    def points(self) -> list[str]:
        """The points that some process came to, in the order of coming there first."""
        return list(self._visits)

    @property
    def deaths(self) -> int:
        """How many processes died so far."""
        return sum(fault.kind is Kind.KILL for fault in self.injected)
