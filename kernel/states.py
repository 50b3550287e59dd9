"""State machines as tables: for every state and every event, what follows."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping

IGNORE, REMEMBER, REFUSE = "ignore", "remember", "refuse"
_TABLES: dict[str, StateTable] = {}


@dataclasses.dataclass(frozen=True)
class Cell:
    """
    What one state does on one event.

    `to` is the next state, if any. With `is_remembered` the fact is kept, and `to` is taken
    only once the other facts that it waits for are there. `is_refused`: the caller is told no.
    """

    to: str | None = None
    is_remembered: bool = False
    is_refused: bool = False


@dataclasses.dataclass(frozen=True)
class StateTable:
    """One machine: its title, its events, and a row of cells for each state."""

    title: str
    events: tuple[str, ...]
    rows: Mapping[str, Mapping[str, Cell]]

    @classmethod
    def parse(cls, title: str, text: str) -> StateTable:
        """
        Read a table: a header of events, then a line for each state, columns cut by `|`.

        A cell is `ignore`, `remember`, `refuse`, the next state's name, or
        `remember > STATE` (kept; the state follows when all that it waits for is there).
        A wide table may be cut by empty lines into blocks: each has events of its own, and
        every state.

        :raises ValueError: for a line with another number of cells, or an unknown state.
        """
        blocks = [_lines(block) for block in re.split(r"\n\s*\n", text.strip())]
        states = [line[0] for line in blocks[0][1:]]
        rows: dict[str, dict[str, Cell]] = {state: {} for state in states}
        for (_, *events), *lines in blocks:
            if [line[0] for line in lines] != states:
                raise ValueError(f"{title}: each block has the states {', '.join(states)}.")
            for name, *cells in lines:
                if len(cells) != len(events):
                    raise ValueError(
                        f"{title}: {name} has {len(cells)} cells for {len(events)} events."
                    )
                found = (_cell(cell, states) for cell in cells)
                rows[name] |= zip(events, found, strict=True)
        _TABLES[title] = table = cls(title, tuple(rows[states[0]]), rows)
        return table

    def cell(self, state: str, event: str) -> Cell:
        """Return what this state does on this event; KeyError if the table has no such event."""
        return self.rows[state][event]


def all_tables() -> list[StateTable]:
    """Return every table that the apps declare, by title."""
    return [_TABLES[title] for title in sorted(_TABLES)]


def _lines(block: str) -> list[list[str]]:
    return [_cut(line) for line in block.splitlines() if "|" in line]


def _cut(line: str) -> list[str]:
    return [part.strip() for part in line.split("|")]


def _cell(text: str, states: Collection[str]) -> Cell:
    first, _, then = (part.strip() for part in text.partition(">"))
    to = then or (first if first not in {IGNORE, REMEMBER, REFUSE} else None)
    if to is not None and to not in states:
        raise ValueError(f"{text!r} names no state of the table.")
    return Cell(to=to, is_remembered=first == REMEMBER, is_refused=first == REFUSE)
