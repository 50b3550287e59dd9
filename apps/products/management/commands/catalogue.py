from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.products import queries, usecases
from apps.products.events import ProductState
from apps.products.management import lines
from kernel.transactions import transaction

PACK = 200  # lines in one transaction
_READERS = {"csv": lines.read_csv, "jsonl": lines.read_json_lines}
_WRITERS = {"csv": lines.write_csv, "jsonl": lines.write_json_lines}


class Command(BaseCommand):
    help = "`catalogue import FILE` and `catalogue export FILE`: products as CSV or JSON lines."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        for action, told in (
            ("import", "Products are known by their code. Exit code 1 if a line was refused."),
            ("export", "All products that aren't deleted, by code."),
        ):
            arguments = actions.add_parser(action, help=told)
            arguments.add_argument("file", type=Path, help="Ends in .csv or .jsonl.")

    def handle(self, *_: Any, action: str, file: Path, **__: Any) -> None:
        form = file.suffix.removeprefix(".")
        if form not in _READERS:
            raise CommandError("The name of the file must end in .csv or .jsonl.")
        if action == "export":
            with file.open("w", encoding="utf-8", newline="") as target:
                _WRITERS[form](queries.exported(), target)
            return
        try:
            self._import(file, form)
        except FileNotFoundError as error:
            raise CommandError(f"There is no file {file}.") from error

    def _import(self, file: Path, form: str) -> None:
        total = usecases.Imported()
        refused = 0
        # A byte that isn't UTF-8 becomes a sign that no text may have, so that its line is refused.
        with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as source:
            for pack in _packs(_READERS[form](source)):
                good = [read for read in pack if not isinstance(read, lines.BadLine)]
                bad = [read for read in pack if isinstance(read, lines.BadLine)]
                done = self._put(good)
                total.created += done.created
                total.changed += done.changed
                total.unchanged += done.unchanged
                refused += len(bad) + len(done.refused)
                self._report(bad, done.refused)
        self.stderr.write(
            f"{total.created} created, {total.changed} changed, {total.unchanged} unchanged,"
            f" {refused} refused."
        )
        if refused:
            raise CommandError("Some lines were refused.", returncode=1)

    def _put(self, good: list[tuple[int, ProductState]]) -> usecases.Imported:
        with transaction():
            return usecases.import_products(lines=good, at=timezone.now())

    def _report(self, bad: list[lines.BadLine], refused: list[tuple[int, str]]) -> None:
        """Write a line of JSON for each line that was refused."""
        found = [{"line": each.line, "code": each.code, "field": each.field} for each in bad]
        found += [{"line": line, "code": code, "field": ""} for line, code in refused]
        for each in sorted(found, key=lambda one: int(str(one["line"]))):
            self.stdout.write(json.dumps(each))


def _packs(read: Iterator[lines.Read]) -> Iterator[list[lines.Read]]:
    while pack := list(itertools.islice(read, PACK)):
        yield pack
