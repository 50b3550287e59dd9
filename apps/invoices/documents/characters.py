"""What documents can be set in: PDF/A refuses a character that no font has."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

FONTS = Path(__file__).parents[1] / "templates" / "fonts"
COVERED = FONTS / "characters.txt"  # written by `make characters`, which tries each of them
MARK = "\N{WHITE SQUARE}"


def _uncovered() -> re.Pattern[str]:
    spans = [line.split("-") for line in COVERED.read_text().split()]
    chars = "".join(f"\\u{first}-\\u{last}" for first, last in spans)
    # What chooses or joins emoji goes with them: fonts have it, and show nothing or a dotted ring.
    return re.compile(f"(?:[^{chars}]|[\ufe00-\ufe0f])\u200d*")


_UNCOVERED = _uncovered()
_WRITTEN = {"L", "N"}  # letters and numbers: what is said, and not how
_BREAKS = str.maketrans("\t\n\r", "   ")


def settable(value: Any) -> Any:
    """
    Return text, or all text in lists and dicts, without what no font has.

    A letter of a rare script leaves a white square, an emoji or another sign nothing: neither must
    keep an invoice from being issued. What was written stands in the XML.
    """
    if isinstance(value, dict):
        return {name: settable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [settable(each) for each in value]
    return _settable(value.translate(_BREAKS)) if isinstance(value, str) else value


def _settable(text: str) -> str:
    left = _UNCOVERED.sub(_instead, text)
    if left == text:
        return text
    return re.sub(" {2,}", " ", left).strip() or MARK


def _instead(found: re.Match[str]) -> str:
    return MARK if unicodedata.category(found[0][0])[0] in _WRITTEN else ""
