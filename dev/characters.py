"""`make characters`: find out what documents can be set in, by trying each character."""

from __future__ import annotations

import itertools
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import typst

FONTS = Path("apps/invoices/templates/fonts")
FAMILIES = '("Libertinus Serif", "Noto Naskh Arabic", "Droid Sans Fallback")'
_SET = typst.Fonts(include_system_fonts=False, font_paths=[FONTS])
_PAGE = f"""
#set document(date: datetime(year: 2026, month: 1, day: 1))
#set text(font: {FAMILIES}, fallback: false)
#let found = json(bytes(sys.inputs.found))
#for each in found {{ [#box(each) #box(strong(each)) #text(weight: "semibold", box(each)) ] }}
"""
_BLOCK = 64
_LEFT_OUT = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}  # controls, surrogates, private, none


def main() -> int:
    """Write the spans of characters that can be set."""
    plane = [chr(code) for code in range(0x20, 0x10000)]
    tried = [each for each in plane if unicodedata.category(each) not in _LEFT_OUT]
    blocks = itertools.groupby(tried, key=lambda each: ord(each) // _BLOCK)
    good = [ord(each) for _, block in blocks for each in settable(list(block))]
    lines = [f"{first:04X}-{last:04X}" for first, last in spans(good)]
    (FONTS / "characters.txt").write_text("\n".join(lines) + "\n")
    print(f"{len(good)} characters in {len(lines)} spans.")
    return 0


def settable(block: list[str]) -> Iterator[str]:
    """Yield those that can be set."""
    if is_settable(block):
        yield from block
    elif len(block) > 1:
        for each in block:
            yield from settable([each])


def is_settable(found: Iterable[str]) -> bool:
    """Say whether PDF/A takes a page of these."""
    text = "[" + ",".join(f'"\\u{ord(each):04x}"' for each in found) + "]"
    try:
        typst.compile(
            _PAGE.encode(),
            font_paths=_SET,
            ignore_system_fonts=True,
            format="pdf",
            pdf_standards=["a-3b"],
            sys_inputs={"found": text},
        )
    except typst.TypstError as error:
        if not re.search("could not be displayed|private use|unmapped", str(error)):
            raise
        return False
    return True


def spans(codes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of each run."""
    for _, run in itertools.groupby(enumerate(codes), key=lambda pair: pair[1] - pair[0]):
        found = [code for _, code in run]
        yield found[0], found[-1]


if __name__ == "__main__":
    sys.exit(main())
