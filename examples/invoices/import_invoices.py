# /// script
# requires-python = ">=3.11"
# dependencies = ["httpx>=0.28", "rich>=14"]
# ///
"""Imports a file of invoices into the shop, and tells what became of each line."""

from __future__ import annotations

import argparse
import getpass
import hashlib
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

CHUNK = 1 << 20
POLL_SECONDS = 0.5
SHOWN = 20  # of the lines that were not imported
TRIES = 5
ENDS = {"FILE_PROCESSED", "ERROR", "TIMEOUT"}
ALL_IMPORTED, SOME_LEFT_OUT, FAILED = range(3)
Body = dict[str, Any]
Show = Callable[[int], None]
"""Is told how many bytes are done."""


class ImportFailed(Exception):
    """The shop or the storage said no."""


class Shop:
    """The shop's API, as one of its staff."""

    def __init__(self, url: str, email: str, password: str) -> None:
        self._client = httpx.Client(base_url=f"{url.rstrip('/')}/api/v1", timeout=30)
        self._take(self._send("POST", "/auth/token", json={"email": email, "password": password}))

    def ask_for_import(self, size: int, sha256: str) -> Body:
        """Return an import that waits for such a file; asked again with its key, the same one."""
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        body = {"size_bytes": size, "sha256": sha256}
        return self._json(self._send("POST", "/invoices/imports", json=body, headers=headers))

    def look(self, import_id: str) -> Body:
        """Return how far an import is."""
        return self._json(self._send("GET", f"/invoices/imports/{import_id}"))

    def lines(self, import_id: str, outcome: str) -> list[Body]:
        """Return the first lines that ended so."""
        query = {"outcome": outcome, "limit": SHOWN}
        path = f"/invoices/imports/{import_id}/lines"
        found: list[Body] = self._json(self._send("GET", path, params=query))["results"]
        return found

    def _send(self, method: str, path: str, **asked: Any) -> httpx.Response:
        """Send a request; again if the network fails, with a new token if the old one is over."""
        answer = _patiently(lambda: self._client.request(method, path, **asked))
        if answer.status_code == 401 and self._client.headers.pop("Authorization", None):
            self._take(self._send("POST", "/auth/token/refresh", json={"refresh": self._refresh}))
            answer = _patiently(lambda: self._client.request(method, path, **asked))
        return answer

    def _take(self, answer: httpx.Response) -> None:
        tokens = self._json(answer)
        self._refresh = tokens["refresh"]
        self._client.headers["Authorization"] = f"Bearer {tokens['access']}"

    @staticmethod
    def _json(answer: httpx.Response) -> Body:
        if not answer.is_success:
            problem = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
            why = problem.get("detail") or answer.text[:200]
            raise ImportFailed(f"{answer.status_code} {problem.get('code', '')}: {why}")
        found: Body = answer.json()
        return found


def upload(file: Path, form: Body, show: Show) -> None:
    """
    Send a file where the form says, without holding it in memory.

    The storage takes it once: a second try that finds it there has nothing left to do.

    :raises ImportFailed: if the storage refuses it.
    """

    def send() -> httpx.Response:
        content, timeout = chunks_of(file, show), httpx.Timeout(30, write=120)
        return httpx.put(form["url"], content=content, headers=form["headers"], timeout=timeout)

    answer = _patiently(send)
    if not answer.is_success and answer.status_code != httpx.codes.PRECONDITION_FAILED:
        raise ImportFailed(f"The storage said {answer.status_code}: {answer.text[:200]}")


def hash_of(file: Path, show: Show) -> str:
    """Return a file's SHA-256."""
    digest = hashlib.sha256()
    for chunk in chunks_of(file, show):
        digest.update(chunk)
    return digest.hexdigest()


def chunks_of(file: Path, show: Show) -> Iterator[bytes]:
    """Return a file in parts."""
    with file.open("rb") as source:
        while chunk := source.read(CHUNK):
            yield chunk
            show(source.tell())


def follow(shop: Shop, import_id: str, show: Show) -> Body:
    """Wait until an import has ended, and return it."""
    while True:
        found = shop.look(import_id)
        show(found["bytes_read"])
        if found["state"] in ENDS:
            return found
        time.sleep(POLL_SECONDS)


def run(shop: Shop, file: Path, console: Console) -> int:
    """Import a file; return 0 if every line was imported, 1 if some were not."""
    size = file.stat().st_size
    columns = (TextColumn("{task.description:<10}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:

        def bar(what: str) -> Show:
            task = progress.add_task(what, total=size)
            return lambda done: progress.update(task, completed=done)

        awaited = shop.ask_for_import(size, hash_of(file, bar("hashing")))
        upload(file, awaited["upload"], bar("uploading"))
        done = follow(shop, awaited["id"], bar("importing"))
    if done["state"] != "FILE_PROCESSED":
        raise ImportFailed(f"{done['state']}: {done['reason'] or 'no upload was told of'}.")
    tell(shop, done, console)
    outcomes = done["outcomes"]
    return ALL_IMPORTED if outcomes["ok"] == sum(outcomes.values()) else SOME_LEFT_OUT


def tell(shop: Shop, done: Body, console: Console) -> None:
    """Print how many lines ended in which way, and the first of those that were left out."""
    counts = Table("outcome")
    counts.add_column("lines", justify="right")
    left_out = Table("line", "outcome", "invoice", "reason")
    for outcome, number in done["outcomes"].items():
        counts.add_row(outcome.upper(), f"{number:,}")
        if number and outcome != "ok":
            for line in shop.lines(done["id"], outcome.upper()):
                cells = (line[name] for name in ("number", "outcome", "invoice_number", "reason"))
                left_out.add_row(*(Text(str(each or "")) for each in cells))
    console.print(f"Import {done['id']}", counts, sep="\n")
    if left_out.row_count:
        console.print(f"Not imported (of each kind the first {SHOWN}):", left_out, sep="\n")


def main() -> int:
    """Do what the command line asks for."""
    asked = _parser().parse_args()
    console = Console(highlight=False)
    password = os.environ.get("SHOP_PASSWORD") or getpass.getpass(f"Password of {asked.email}: ")
    try:
        return run(Shop(asked.shop, asked.email, password), asked.file, console)
    except (ImportFailed, httpx.TransportError, OSError) as error:
        console.print(f"Not imported. {error}", style="red", markup=False)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="The password is read from SHOP_PASSWORD, or asked for. The status is 0 if every"
        " line was imported, 1 if some were not, 2 if the import failed.",
    )
    parser.add_argument("file", type=Path, help="one invoice as JSON on each line")
    parser.add_argument("--shop", default="http://127.0.0.1:8000", help="where the shop is")
    parser.add_argument("--email", default="support@shop.example", help="who imports")
    return parser


def _patiently(send: Callable[[], httpx.Response]) -> httpx.Response:
    """Send, and again when the network fails, with longer and longer pauses."""
    for attempt in range(1, TRIES):
        try:
            return send()
        except httpx.TransportError:
            time.sleep(2**attempt / 4)
    return send()


if __name__ == "__main__":
    sys.exit(main())
