"""How arguments of several subcommands are read."""

from __future__ import annotations

import argparse
import datetime as dt
import difflib

from kernel.bus.subscriptions import Handler, all_handlers


def moment(text: str) -> dt.datetime:
    """Read a time in ISO 8601 with its zone."""
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time with a zone (ISO 8601), such as 2026-03-01T12:00:00Z."
        )
    return at


def handler(name: str) -> Handler:
    """Find a handler by its name."""
    known = {found.name: found for found in all_handlers()}
    if name not in known:
        raise argparse.ArgumentTypeError(f"no handler is called {name!r}.{near(name, list(known))}")
    return known[name]


def near(name: str, known: list[str]) -> str:
    """Return a sentence that names what may have been meant; nothing, if nothing is near."""
    found = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    found += [other for other in known if name in other and other not in found][:5]
    return f" Did you mean {', '.join(found)}?" if found else ""
