"""Many schedules: which come next, what they struck, and where nobody has died yet."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections import Counter
from collections.abc import Iterator

from simulation.crew import Report
from simulation.points import Coverage
from simulation.schedule import Schedule

MOST_TARGETS = 6  # each death costs time, and an order waits for 15 minutes only
FRESH_EVERY = 4  # of so many schedules one is new; the others go where nobody has died yet


@dataclasses.dataclass
class Campaign:
    """
    A row of schedules from one seed on: the same seed, number and crew give the same row.

    It ends after `count` schedules, or when `seconds` are over.
    """

    seed: int
    count: int
    seconds: float = float("inf")
    coverage: Coverage = dataclasses.field(default_factory=Coverage)
    faults: Counter[str] = dataclasses.field(default_factory=Counter)
    reports: int = 0
    steps: int = 0
    waits: int = 0
    failed: list[Report] = dataclasses.field(default_factory=list)
    begun: float = dataclasses.field(default_factory=time.perf_counter)

    def schedules(self) -> Iterator[str]:
        """Draw schedules one by one; each may depend on the reports that were taken in."""
        fresh = self.seed
        for number in itertools.count():
            if number >= self.count or self.elapsed > self.seconds:  # either may have changed
                return
            schedule = "" if number % FRESH_EVERY == 0 else self._aimed()
            if not schedule:
                schedule, fresh = str(fresh), fresh + 1
            yield schedule

    def take(self, report: Report) -> None:
        """Count what a schedule came to."""
        self.reports += 1
        self.steps += report.steps
        self.waits += report.waits
        self.faults.update(kind for kind, _, _ in report.faults)
        self.coverage.note(report.schedule, report.points, report.visited)
        if report.violations:
            self.failed.append(report)

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self.begun

    def _aimed(self) -> str:
        source, targets = self.coverage.next_targets(MOST_TARGETS)
        if not targets:
            return ""
        schedule = Schedule.parse(source)
        return str(dataclasses.replace(schedule, targets=(*schedule.targets, *targets)))
