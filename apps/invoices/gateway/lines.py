"""
From a file's bytes to its lines, in batches, from any place on and in constant memory.

A line longer than `MAX_LINE` is not kept: it is told once, and skipped. So that a batch can end
within it, a position knows whether it lies in such a line.
"""

from __future__ import annotations

import codecs
import dataclasses
from collections.abc import Iterable, Iterator

from apps.invoices.gateway.legacy import InvalidLine, LegacyInvoice, parse
from apps.invoices.models import Position

MAX_LINE = 256 * 1024
BATCH_LINES = 1_000
BATCH_BYTES = 4_000_000
TOO_LONG = InvalidLine(f"It is longer than {MAX_LINE} bytes.")


@dataclasses.dataclass(frozen=True)
class ReadLine:
    """A line that isn't blank: an invoice, or why it is none."""

    number: int
    content: LegacyInvoice | InvalidLine


@dataclasses.dataclass(frozen=True)
class Batch:
    """Lines that follow each other; `start` and `end` say where they lie in the file."""

    start: Position
    end: Position
    lines: list[ReadLine]


@dataclasses.dataclass(frozen=True)
class _Piece:
    """A whole line; or, without content, what was skipped of one that is too long."""

    end: int
    content: bytes | None = None
    begins_line: bool = True
    ends_line: bool = True


def batches(chunks: Iterable[bytes], *, start: Position, size: int) -> Iterator[Batch]:
    """Return what the chunks hold, which begin at a position of a file that is so long."""
    position, lines = start, list[ReadLine]()
    for piece in _pieces(chunks, start):
        number = position.line + piece.begins_line
        position = Position(piece.end, number, is_in_long_line=not piece.ends_line)
        lines.extend(_read(number, piece))
        is_full = len(lines) >= BATCH_LINES or position.offset - start.offset >= BATCH_BYTES
        if is_full or position.offset >= size:
            yield Batch(start, position, lines)
            start, lines = position, []


def _read(number: int, piece: _Piece) -> Iterator[ReadLine]:
    if piece.content is None:
        if piece.begins_line:
            yield ReadLine(number, TOO_LONG)
        return
    content = piece.content.removeprefix(codecs.BOM_UTF8) if number == 1 else piece.content
    if content.strip():
        yield ReadLine(number, parse(content))


def _pieces(chunks: Iterable[bytes], position: Position) -> Iterator[_Piece]:
    end, rest, is_skipping = position.offset, b"", position.is_in_long_line
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            end += len(line) + 1
            is_kept = not is_skipping and len(line) <= MAX_LINE
            yield _Piece(end, line if is_kept else None, begins_line=not is_skipping)
            is_skipping = False
        if is_skipping or len(rest) > MAX_LINE:
            end += len(rest)
            yield _Piece(end, begins_line=not is_skipping, ends_line=False)
            rest, is_skipping = b"", True
    if rest:  # no newline at the end of the file
        yield _Piece(end + len(rest), rest)
