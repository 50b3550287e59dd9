"""What was measured against what was aimed at: a table for people, JSON for machines."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


class Advance(Protocol):
    """Moves a bar on."""

    def __call__(self, steps: int = 1) -> None:
        """Take so many steps."""


@dataclasses.dataclass(frozen=True)
class Target:
    """A bound for one figure; `unit` stands behind both."""

    bound: float
    unit: str
    is_least: bool = False  # the figure should be this much or more

    def is_met_by(self, figure: float) -> bool:
        """Say whether the figure is as good as was aimed at."""
        return figure >= self.bound if self.is_least else figure <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.is_least else '≤'} {_number(self.bound)} {self.unit}"


@dataclasses.dataclass(frozen=True)
class Figure:
    """One row of the table; `baseline` is what else was measured, for a figure that is a ratio."""

    what: str
    target: Target
    measured: float
    baseline: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the target is met."""
        return self.target.is_met_by(self.measured)

    @property
    def ratio(self) -> str:
        """The figure as a part of its target, for people."""
        return f"{self.measured / self.target.bound:.2f}" if self.target.bound else ""


class Report:
    """Collects the figures of a run, and tells a person what goes on meanwhile."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self._console = Console(highlight=False)
        self._begun = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line, with the seconds since the beginning."""
        self._console.print(f"[dim]{time.monotonic() - self._begun:7.1f} s[/]  {text}")

    def title(self, text: str) -> None:
        """Begin a part."""
        self._console.print()
        self.say(f"[bold]{text}[/]")

    def add(self, figure: Figure) -> None:
        """Take a figure, and print it."""
        self.figures.append(figure)
        self.say(f"{_mark(figure)} {figure.what}: {_measured(figure)} ({figure.target})")

    def rows(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Print what lies behind a figure."""
        table = Table(title=title, title_justify="left", title_style="dim", header_style="dim")
        for number, column in enumerate(columns):
            table.add_column(column, justify="right" if number else "left")
        for row in rows:
            table.add_row(*(cell if isinstance(cell, str) else _number(cell) for cell in row))
        self._console.print(table)

    @contextlib.contextmanager
    def progress(self, what: str, total: int) -> Iterator[Advance]:
        """Show a bar on a terminal, which the yielded function moves on."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        is_shown = self._console.is_terminal
        bars = Progress(*columns, console=self._console, transient=True, disable=not is_shown)
        with bars:
            task = bars.add_task(what, total=total)
            yield lambda steps=1: bars.advance(task, steps)

    def table(self) -> None:
        """Print all figures against their targets."""
        table = Table(title="\nSpeed and size against their targets", title_style="bold")
        table.add_column("what")
        for column in ("target", "measured", "of the target"):
            table.add_column(column, justify="right")
        table.add_column("measured in the same run")
        table.add_column("")
        for figure in self.figures:
            table.add_row(
                figure.what,
                str(figure.target),
                _measured(figure),
                figure.ratio,
                figure.baseline,
                _mark(figure),
            )
        self._console.print(table)

    def save(self, name: str, figures: Sequence[Figure], details: Mapping[str, Any]) -> None:
        """Keep the figures of a measurement with all that lies behind them."""
        RESULTS.mkdir(exist_ok=True)
        result = {
            "measured_at": dt.datetime.now(dt.UTC).isoformat(),  # noqa: TID251 -- not the shop's
            "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
            "figures": [
                {**dataclasses.asdict(figure), "is_met": figure.is_met} for figure in figures
            ],
            **details,
        }
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2, default=str) + "\n")


def _mark(figure: Figure) -> str:
    return "[green]✓[/]" if figure.is_met else "[red]✗[/]"


def _measured(figure: Figure) -> str:
    return f"{_number(figure.measured)} {figure.target.unit}"


def _number(value: float) -> str:
    if isinstance(value, int) or abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) < 9.995 else f"{value:,.1f}"
