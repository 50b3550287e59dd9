"""The shortest schedule that still goes wrong: acts and faults are left out while it does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeVar

from simulation.schedule import Schedule

T = TypeVar("T")
Fails = Callable[[Schedule], bool]


class BudgetSpent(Exception):
    """Enough schedules were tried."""


@dataclasses.dataclass
class _Budget:
    """Counts the tries; remembers the shortest schedule that failed."""

    fails: Fails
    left: int
    best: Schedule

    def try_out(self, schedule: Schedule) -> bool:
        if self.left == 0:
            raise BudgetSpent
        self.left -= 1
        if self.fails(schedule):
            self.best = schedule
            return True
        return False


def shrink(
    schedule: Schedule, *, acts: int, faults: Sequence[str], fails: Fails, tries: int = 60
) -> Schedule:
    """
    Return a schedule that fails with as few acts and faults as can be found.

    `acts` is how many acts were drawn, `faults` what struck; `fails` runs a schedule.
    """
    kept = schedule.acts if schedule.acts is not None else tuple(range(acts))
    told = dataclasses.replace(schedule, targets=(), acts=kept, faults=tuple(faults))
    budget = _Budget(fails, tries, schedule)
    try:
        if not budget.try_out(told):
            return schedule
        budget.try_out(dataclasses.replace(told, is_calm=True))
        _leave_out(budget)
    except BudgetSpent:
        pass
    return budget.best


def _leave_out(budget: _Budget) -> None:
    before = None
    while before != budget.best:
        before = budget.best
        _without(before.faults or (), lambda kept: _with(budget, faults=kept))
        _without(budget.best.acts or (), lambda kept: _with(budget, acts=kept))


def _with(budget: _Budget, **parts: tuple[object, ...]) -> bool:
    return budget.try_out(dataclasses.replace(budget.best, **parts))  # type: ignore[arg-type]


def _without(items: Sequence[T], still_fails: Callable[[tuple[T, ...]], bool]) -> None:
    """Leave out ever smaller parts (delta debugging, Zeller 1999)."""
    kept, size = list(items), len(items)
    while size and kept:
        start = 0
        while start < len(kept):
            fewer = kept[:start] + kept[start + size :]
            if still_fails(tuple(fewer)):
                kept = fewer
            else:
                start += size
        size //= 2
