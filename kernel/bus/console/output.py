"""How the subcommands of `manage.py bus` speak: tables and bars for people, JSON for machines."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from rich.console import Console, JustifyMethod
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

Row = Mapping[str, Any]
Advance = Callable[[int], None]


class Output:
    """
    Prints results to stdout and progress to stderr.

    With `is_json` a result is one JSON document, and rows that come one by one are a line each.
    """

    def __init__(self, *, is_json: bool) -> None:
        self.is_json = is_json
        self._out = Console(highlight=False, soft_wrap=True)
        self._errors = Console(stderr=True, highlight=False, soft_wrap=True)

    def table(self, title: str, rows: Sequence[Row], columns: Sequence[str], empty: str) -> None:
        """Print rows as a table of these columns; `empty` is what to say if there are none."""
        if not rows:
            self._out.print(f"{title}: {empty}")
            return
        table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
        for column in columns:
            is_number = all(isinstance(row.get(column), int | float | None) for row in rows)
            justify: JustifyMethod = "right" if is_number else "left"
            # Names are never cut: people copy them.
            table.add_column(column.replace("_", " "), justify=justify, overflow="fold")
        for row in rows:
            table.add_row(*("" if row.get(c) is None else str(row[c]) for c in columns))
        self._out.print(table)

    def say(self, text: str) -> None:
        """Tell a person something; machines aren't told."""
        if not self.is_json:
            self._out.print(text)

    def document(self, value: Any) -> None:
        """Print the result for machines, as one JSON document."""
        sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode())
        sys.stdout.write("\n")

    def line(self, value: Row) -> None:
        """Print one of many results for machines, as a line of JSON."""
        sys.stdout.write(orjson.dumps(value, default=str).decode() + "\n")
        sys.stdout.flush()

    @contextlib.contextmanager
    def progress(self, what: str, total: int) -> Iterator[Advance]:
        """Show a bar on stderr, if that is a terminal, which the yielded function moves on."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        is_shown = self._errors.is_terminal
        with Progress(*columns, console=self._errors, disable=not is_shown) as bars:
            task = bars.add_task(what, total=total)
            yield lambda steps: bars.advance(task, steps)
