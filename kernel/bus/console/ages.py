"""How long something took or lies back, as people say it."""

from __future__ import annotations

import datetime as dt

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


def age(seconds: float | None) -> str | None:
    """Return `5 s`, `3 min`, `2 h 10 min` or `4 d 3 h`; None for None."""
    if seconds is None:
        return None
    rest = max(0, int(seconds))
    parts = []
    for unit, size in _UNITS:
        if rest >= size:
            parts.append(f"{rest // size} {unit}")
        elif parts:
            break
        rest %= size
    return " ".join(parts[:2]) or f"{rest} s"


def ago(moment: dt.datetime, *, at: dt.datetime) -> str | None:
    """Return how long before `at` a moment was."""
    return age((at - moment).total_seconds())
