"""Colour and symbols on a terminal; plain text where there is none."""

from __future__ import annotations

import os
import sys

PALETTE = (36, 33, 35, 32, 34, 96, 93, 95, 92, 94)


def is_colourful() -> bool:
    """Say whether colours are wanted: see https://no-color.org."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str, *codes: int) -> str:
    """Return the text in these SGR codes, or as it is where colours aren't wanted."""
    if not is_colourful():
        return text
    return f"\x1b[{';'.join(map(str, codes))}m{text}\x1b[0m"


def bold(text: str) -> str:
    """Return the text in bold."""
    return paint(text, 1)


def dim(text: str) -> str:
    """Return the text in a quieter tone."""
    return paint(text, 2)


def good(text: str) -> str:
    """Return the text in green."""
    return paint(text, 32)


def bad(text: str) -> str:
    """Return the text in bold red."""
    return paint(text, 1, 31)
