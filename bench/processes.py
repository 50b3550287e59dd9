"""What processes cost, as Linux tells it: CPU seconds and memory."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import psutil

TRIES = 50
MEGABYTE = 1_000_000

Seconds = dict[str, float]
"""CPU seconds, user and system, by program."""


class Cpu:
    """CPU seconds of programs, each with all processes that it has or had."""

    def __init__(self, roots: Mapping[str, int], *, without: Collection[int] = ()) -> None:
        """Watch the programs with these process ids, but not the processes `without`."""
        self._roots, self._without = roots, frozenset(without)

    def read(self) -> Seconds:
        """Return the seconds since each program began."""
        return {name: self._total(root) for name, root in self._roots.items()}

    def _total(self, root: int) -> float:
        """
        Add up the family.

        A parent counts what those took whose end it has seen (as PostgreSQL's first process does
        for sessions that are over): so the sum is right as long as nobody ends while it is made.
        """
        for _ in range(TRIES):
            family = processes_of(root)
            try:
                total = sum(_spent(each) for each in family if each.pid not in self._without)
            except psutil.NoSuchProcess:
                continue
            if processes_of(root) == family:
                return total
        raise RuntimeError(f"The processes below {root} don't stay the same for a moment.")


def difference(after: Seconds, before: Seconds) -> Seconds:
    """Return what was spent between two readings."""
    return {name: after[name] - before[name] for name in after}


def processes_of(root: int) -> list[psutil.Process]:
    """Return a process and all that descend from it, oldest first."""
    first = psutil.Process(root)
    return [first, *sorted(first.children(recursive=True), key=lambda each: each.pid)]


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


@dataclasses.dataclass(frozen=True)
class Memory:
    """
    What a process, or several together, hold, in bytes.

    Of what several processes share, such as code loaded before they were forked, `pss` counts
    the process's part, and `rss` all of it.
    """

    pss: int = 0
    rss: int = 0

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.pss + other.pss, self.rss + other.rss)

    def peak(self, other: Memory) -> Memory:
        """Return the larger of each figure."""
        return Memory(max(self.pss, other.pss), max(self.rss, other.rss))


def memory_by_process(roots: Mapping[str, int]) -> dict[str, Memory]:
    """Return what each process of these programs holds; those that it forked are numbered."""
    found = {}
    for name, root in roots.items():
        for number, process in enumerate(processes_of(root)):
            if memory := memory_of(process.pid):
                found[f"{name} {number}" if number else name] = memory
    return found


def memory_by_program(roots: Mapping[str, int]) -> dict[str, Memory]:
    """Return what the processes of each program hold together."""
    return {
        name: sum((memory_of(each.pid) or Memory() for each in processes_of(root)), Memory())
        for name, root in roots.items()
    }


def memory_of(pid: int) -> Memory | None:
    """Return what a process holds; None if it has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    kilobytes = dict(re.findall(r"^(Rss|Pss): +(\d+) kB$", text, re.MULTILINE))
    return Memory(*(1024 * int(kilobytes.get(name, 0)) for name in ("Pss", "Rss")))
