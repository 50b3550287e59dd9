"""State machines as tables: for every state and every event, what follows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

IGNORE, REMEMBER, REFUSE = "ignore", "remember", "refuse"


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

        :raises ValueError: for a line with another number of cells, or an unknown state.
        """
        header, *lines = [_cut(line) for line in text.strip().splitlines() if "|" in line]
        events = tuple(header[1:])
        states = {line[0] for line in lines}
        rows = {}
        for name, *cells in lines:
            if len(cells) != len(events):
                raise ValueError(f"{title}: {name} has {len(cells)} cells for {len(events)} events.")
            rows[name] = {
                event: _cell(cell, states) for event, cell in zip(events, cells, strict=True)
            }
        return cls(title, events, rows)

    def cell(self, state: str, event: str) -> Cell:
        """Return what this state does on this event; KeyError if the table has no such event."""
        return self.rows[state][event]


def _cut(line: str) -> list[str]:
    return [part.strip() for part in line.strip().strip("|").split("|")]


def _cell(text: str, states: set[str]) -> Cell:
    first, _, then = (part.strip() for part in text.partition(">"))
    to = then or (first if first not in {IGNORE, REMEMBER, REFUSE} else None)
    if to is not None and to not in states:
        raise ValueError(f"{text!r} names no state of the table.")
    return Cell(to=to, is_remembered=first == REMEMBER, is_refused=first == REFUSE)
