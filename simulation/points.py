"""Where a process can die: every statement, commit and call to the outside, by stable names."""

from __future__ import annotations

import functools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable

_LOOPS = 4  # the fourth time that an edge does the same, and all later ones, are one point
_TABLE = re.compile(
    r"\b(?:FROM|INTO|UPDATE)\s+(?:ONLY\s+)?\"?([a-z_][a-z0-9_]*)\"?(?![a-z0-9_(\"])",
    re.IGNORECASE,
)
_WRITTEN = re.compile(
    r"\b(?:INSERT\s+INTO|MERGE\s+INTO|DELETE\s+FROM|(?<!FOR\s)(?<!DO\s)UPDATE)\s+"
    r"(?:ONLY\s+)?\"?([a-z_][a-z0-9_]*)",
    re.IGNORECASE,
)
_FUNCTION = re.compile(r"\b(pg_[a-z_]+)\(")
_WORD = re.compile(r"[A-Za-z]+")


@functools.lru_cache(maxsize=4096)
def label_of(sql: str) -> str:
    """Name a statement by what it does to which table: `insert.bus_outbox`."""
    text = sql.strip()
    verb = found[0].lower() if (found := _WORD.match(text)) else "statement"
    if found := _FUNCTION.search(text):
        return f"{verb}.{found[1]}"
    table = _TABLE.search(text)
    name = f"{verb}.{table[1]}" if table else verb
    return f"{name}.locked" if "FOR UPDATE" in text.upper() and verb == "select" else name


@functools.lru_cache(maxsize=4096)
def tables_written(sql: str) -> frozenset[str]:
    """Return the tables that a statement, or a part of it, may change."""
    return frozenset(found[1] for found in _WRITTEN.finditer(sql))


class Walk:
    """One run through an edge: it numbers what is done there."""

    def __init__(self, edge: str) -> None:
        self.edge = edge
        self._counts: Counter[str] = Counter()

    def point(self, label: str) -> str:
        """Return the name of the next point: `warehouse.reserve_stock#commit.1`."""
        self._counts[label] += 1
        return f"{self.edge}#{label}.{min(self._counts[label], _LOOPS)}"


def edge_of(point: str) -> str:
    """Return the handler or edge in which a point lies."""
    return point.partition("#")[0]


class Coverage:
    """Which points there are, how to come to each, and at which someone died."""

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}  # point -> the shortest schedule that comes there
        self.visited: set[str] = set()
        self._tried: Counter[str] = Counter()

    def note(self, schedule: str, seen: Iterable[str], visited: Iterable[str]) -> None:
        """Take in what a schedule saw, in order, and where it killed."""
        for point in seen:
            known = self.seen.setdefault(point, schedule)
            if len(schedule) < len(known):
                self.seen[point] = schedule
        self.visited.update(visited)

    def next_targets(self, most: int) -> tuple[str, list[str]]:
        """
        Return a schedule that comes by points where nobody died yet, and these points.

        They lie close together: who comes again after a death comes to the next. Still each death
        changes the way, so what was missed once is aimed at alone.
        """
        waiting: dict[str, list[str]] = defaultdict(list)
        for point, schedule in self.seen.items():
            if point not in self.visited and not self._tried[point]:
                waiting[schedule].append(point)
        if waiting:
            schedule = max(waiting, key=lambda each: len(waiting[each]))
            targets = waiting[schedule][:most]
        else:
            missed = (point for point in self.seen if point not in self.visited)
            targets = [point for point in missed if self._tried[point] == 1][:1]
            schedule = self.seen[targets[0]] if targets else ""
        self._tried.update(targets)
        return schedule, targets

    @property
    def total(self) -> tuple[int, int]:
        """How many points were visited, and how many there are."""
        return len(self.visited & self.seen.keys()), len(self.seen)

    def by_edge(self) -> dict[str, tuple[int, int]]:
        """Return visited and existing points of each edge."""
        there = Counter(edge_of(point) for point in self.seen)
        done = Counter(edge_of(point) for point in self.visited & self.seen.keys())
        return {edge: (done[edge], there[edge]) for edge in sorted(there)}
