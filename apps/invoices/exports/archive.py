"""A month as ZIP: every PDF, and the table of them."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any
from zipfile import ZipFile, ZipInfo

from apps.invoices import gateway
from apps.invoices.exports.table import COLUMNS, rows
from apps.invoices.models import CreditNote, Invoice

TABLE = "invoices.csv"
_PART = 64 * 1024


class DocumentDamaged(Exception):
    """The storage holds something else than was issued: the ZIP breaks off, and is not whole."""


def zip_of(documents: Iterable[Invoice | CreditNote], *, on: dt.date) -> Iterator[bytes]:
    """
    Yield a ZIP in parts: `INV-2026-000001.pdf` …, and last `invoices.csv` of exactly these.

    :raises DocumentDamaged: if a file's hash is not the one that was issued.
    """
    pipe = _Pipe()
    with (
        # It can be neither written between the PDFs nor made anew later, when there may be more.
        tempfile.TemporaryFile("w+", newline="", encoding="utf-8") as table,
        ZipFile(pipe, "w") as archive,
    ):
        lines = csv.writer(table)
        lines.writerow(COLUMNS)
        for document in documents:
            lines.writerows(rows(document))
            name, content = f"{document.number}.pdf", _content(document)
            yield from _entry(archive, pipe, name, content, on=document.issued_on)
        table.seek(0)
        yield from _entry(archive, pipe, TABLE, _parts(table.buffer), on=on)
    yield pipe.taken()


def _entry(
    archive: ZipFile, pipe: _Pipe, name: str, parts: Iterable[bytes], *, on: dt.date
) -> Iterator[bytes]:
    # PDFs are compressed already: they are stored as they are.
    with archive.open(ZipInfo(name, (on.year, on.month, on.day, 0, 0, 0)), "w") as entry:
        for part in parts:
            entry.write(part)
            yield pipe.taken()


def _content(document: Invoice | CreditNote) -> Iterator[bytes]:
    file, digest = document.document, hashlib.sha256()
    waiting = [] if file.stored_at else [bytes(file.content or b"")]
    for part in waiting or gateway.documents().read(key=file.key):
        digest.update(part)
        yield part
    if digest.hexdigest() != document.sha256:
        raise DocumentDamaged(document.number)


def _parts(file: Any) -> Iterator[bytes]:
    return iter(lambda: file.read(_PART), b"")


class _Pipe(io.RawIOBase):
    """What an archive writes into, and a response takes out of; nobody can go back in it."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:
        self._waiting.append(bytes(part))
        return len(part)

    def taken(self) -> bytes:
        """Return what was written since."""
        part = b"".join(self._waiting)
        self._waiting.clear()
        return part
