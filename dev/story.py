"""How a demo is told: a line for each act of a person, one for each event that follows."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from dev.terminal import PALETTE, bad, bold, dim, good, paint

MODULES = ("users", "products", "orders", "warehouse", "delivery", "payment", "audit", "invoices")
_COLOURS = dict(zip(MODULES, PALETTE, strict=False))


def money(amount: int, currency: str) -> str:
    """Write minor units for people; all the demo's currencies have two digits."""
    return f"{currency} {amount / 100:,.2f}"


class Story:
    """Prints what happens, with the seconds since the beginning."""

    def __init__(self, title: str) -> None:
        self._begun = time.monotonic()
        print(f"\n{bold(title)}\n", flush=True)

    @contextlib.contextmanager
    def act(self, who: str, what: str) -> Iterator[Callable[[str], None]]:
        """Tell an act and how long it took; what comes of it may be noted with the value."""
        notes: list[str] = []
        begun = time.monotonic()
        yield notes.append
        took = f"{(time.monotonic() - begun) * 1000:.0f} ms"
        note = f" {dim('·')} {' · '.join(notes)}" if notes else ""
        self._line(bold(f"{who:<10}"), took, f"{what}{note}")

    def event(self, name: str, payload: dict[str, Any], *, seconds: float | None) -> None:
        """Tell an event, and how long after its cause it happened."""
        module, past, _ = name.split(".")
        latency = "" if seconds is None else f"+{seconds * 1000:.0f} ms"
        title = "".join(part.title() for part in past.split("_"))
        coloured = paint(f"{module:<10}", _COLOURS.get(module, 37))
        facts = _facts(payload)
        text = f"{title:<28}{dim(facts)}" if facts else title
        self._line(f"  {coloured}", latency, text, indent=2)

    def check(self, module: str, text: str, *, is_right: bool) -> None:
        """Tell whether a module agrees with the ending."""
        mark = good("✓") if is_right else bad("✗")
        coloured = paint(f"{module:<10}", _COLOURS.get(module, 37))
        print(f"  {mark} {coloured} {text}", flush=True)

    def say(self, text: str) -> None:
        """Print a line."""
        print(text, flush=True)

    def _line(self, who: str, took: str, text: str, *, indent: int = 0) -> None:
        at = dim(f"{time.monotonic() - self._begun:6.2f} s")
        gap = " " * (2 - indent)
        print(f"{at}  {who}{gap} {dim(f'{took:>9}')}  {text}".rstrip(), flush=True)


def _facts(payload: dict[str, Any]) -> str:
    """Return what is worth knowing of an event, in a few words."""
    terms = payload.get("terms") or payload.get("new") or {}
    amount = payload.get("amount", payload.get("total", terms.get("total")))
    currency = payload.get("currency", terms.get("currency", ""))
    facts = [
        money(amount, currency) if isinstance(amount, int) and currency else "",
        str(payload.get("number", "")),
        str(payload.get("tracking_number", "")),
        _words(str(payload.get("reason", ""))),
        _lines(payload.get("lines")),
    ]
    return " · ".join(fact for fact in facts if fact)


def _lines(lines: Any) -> str:
    if not lines:
        return ""
    units = sum(line.get("quantity", line.get("wanted", 0)) for line in lines)
    return f"{units} unit{'s' if units != 1 else ''}"


def _words(reason: str) -> str:
    return re.sub(r"_", " ", reason)
