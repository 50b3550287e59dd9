"""What came of a run: a table for people, JSON for machines."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from chaos.ledger import Ask, Ledger
from chaos.verdict import Breach, Wrong
from chaos.watch import Strike

MOST_BREACHES = 40  # that are printed; the JSON has all


class Report:
    """The figures of one run."""

    def __init__(
        self,
        ledger: Ledger,
        strikes: Sequence[Strike],
        memory: list[dict[str, Any]],
        breaches: Sequence[Breach],
        asked: dict[str, Any],
        seconds: float,
    ) -> None:
        self.breaches = breaches
        asks = ledger.asks
        self.faults = [_fault(strike, breaches) for strike in strikes]
        self.orders = {
            "asked for": len(asks),
            "promised": sum(bool(ask.order_id) for ask in asks),
            "refused": sum(bool(ask.refusal) for ask in asks),
            "requests repeated": ledger.repeats,
            **{wrong.value: _count(breaches, wrong) for wrong in Wrong},
        }
        self.kinds = Counter(ask.kind.value for ask in asks)
        self.seconds = {"placing": round(seconds, 1), **_latency(asks)}
        self.memory, self.asked = memory, asked

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return not self.breaches

    def write(self, path: Path) -> None:
        """Keep the raw figures."""
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = {
            "asked": self.asked,
            "faults": self.faults,
            "orders": self.orders,
            "kinds": self.kinds,
            "seconds": self.seconds,
            "memory": self.memory,
            "breaches": [
                {"wrong": b.wrong.value, "subject": b.subject, "detail": b.detail, "key": b.key}
                for b in self.breaches
            ],
        }
        path.write_text(json.dumps(raw, indent=2) + "\n")

    def print(self, console: Console) -> None:
        """Show it to people."""
        shown = [{k: v for k, v in row.items() if k != "remark"} for row in self.faults]
        console.print(_table("Faults", shown))
        console.print(_table("Memory of the longest-lived process, MB", self.memory))
        for title, figures in (("Orders", self.orders), ("Seconds", self.seconds)):
            console.print(
                f"[bold]{title}[/]  " + " · ".join(f"{v} {k}" for k, v in figures.items())
            )
        for breach in self.breaches[:MOST_BREACHES]:
            key = f" (key {breach.key})" if breach.key else ""
            console.print(
                f"✗ {breach.wrong.value}: {breach.subject}{key}: {breach.detail}",
                style="red",
                markup=False,
            )
        if self.is_good:
            console.print("Every promise was kept: nothing lost, nothing doubled.", style="green")
        else:
            console.print(f"{len(self.breaches)} promises or rules are broken.", style="bold red")


def _fault(strike: Strike, breaches: Sequence[Breach]) -> dict[str, Any]:
    touched = {name for ask in strike.touched for name in (ask.order_id, ask.token) if name}
    mine = [breach for breach in breaches if breach.subject in touched]
    return {
        "fault": strike.fault.name,
        "in flight": strike.in_flight,
        "lost": _count(mine, Wrong.LOST),
        "doubled": _count(mine, Wrong.DOUBLED) + _count(mine, Wrong.CHARGED),
        "flows, s": _rounded(strike.flows_after),
        "recovered, s": _rounded(strike.recovered_after),
        "remark": strike.outcome.breach or strike.outcome.remark,
    }


def _latency(asks: Sequence[Ask]) -> dict[str, float]:
    """Return how long orders waited from the first attempt to the shop's decision."""
    waits = sorted(ask.settled_at - ask.asked_at for ask in asks if ask.settled_at)
    if not waits:
        return {}
    return {
        "until decided, median": round(statistics.median(waits), 1),
        "p99": round(waits[int(0.99 * (len(waits) - 1))], 1),
        "longest": round(waits[-1], 1),
    }


def _count(breaches: Sequence[Breach], wrong: Wrong) -> int:
    return sum(breach.wrong is wrong for breach in breaches)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _table(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(
        title=f"[bold not italic]{title}[/]",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for name in rows[0] if rows else ():
        is_text = isinstance(rows[0][name], str)
        table.add_column(name, justify="left" if is_text else "right", no_wrap=is_text)
    for row in rows:
        table.add_row(*["never" if value is None else str(value) for value in row.values()])
    return table
