"""
`make check`: what a new migration tells PostgreSQL can be told while the older code runs.

All migrations are run on an empty database; squawk judges the statements of those that
`docs/migrations.txt` doesn't name. `python -m dev.migration_lint accept` names all there are.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.migration import Migration

from dev import ROOT
from dev.postgres import LocalPostgres
from dev.stand_in import STAND_IN

ACCEPTED = ROOT / "docs/migrations.txt"
HEAD = """\
# Migrations that squawk doesn't judge: those from before there were data to keep, and those that
# break one of its rules for a reason, which then stands behind their name. Until the first release
# `python -m dev.migration_lint accept` writes this; from then on people do.
"""
# What squawk can't know, or what is decided otherwise here.
_NOT_JUDGED = (
    "prefer-robust-stmts",  # Django runs a migration in one transaction, and notes that it ran
    "require-timeout-settings",  # the connection sets them, for every statement
    "prefer-bigint-over-int",  # numbers that are no keys may be small
    "prefer-text-field",  # a length is part of what a field means
    "prefer-bigint-over-smallint",
)
_SQUAWK = Path(sys.executable).with_name("squawk")


@dataclasses.dataclass(frozen=True)
class Told:
    """What a migration told PostgreSQL, and whether in one transaction."""

    is_atomic: bool
    sql: list[str] = dataclasses.field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write it as one file of statements."""
        path.write_text("".join(f"{each.strip().rstrip(';')};\n" for each in self.sql))


def main() -> int:
    """Judge, or accept; return how many migrations are refused."""
    with tempfile.TemporaryDirectory() as folder:
        told = statements(Path(folder))
        if sys.argv[1:] == ["accept"]:
            ACCEPTED.write_text(HEAD + "".join(f"{name}\n" for name in sorted(told)))
            return 0
        accepted = {line.split("#")[0].strip() for line in ACCEPTED.read_text().splitlines()}
        new = {name: each for name, each in told.items() if name not in accepted}
        return sum(refuses(name, each, Path(folder)) for name, each in new.items())


def statements(folder: Path) -> dict[str, Told]:
    """Run all migrations on a new PostgreSQL, and return what each of them told it."""
    server = LocalPostgres(folder / "postgres")
    server.start()
    try:
        os.environ.update(STAND_IN, DATABASE_URL=server.url())
        os.environ["DJANGO_SETTINGS_MODULE"] = "ecommerce.settings"
        django.setup()
        return _migrate()
    finally:
        connection.close()
        server.stop()
        server.forget()


def _migrate() -> dict[str, Told]:
    told: dict[str, Told] = {}
    running: list[str] = []

    def note(action: str, migration: Migration | None = None, _: Any = None) -> None:
        if action == "apply_start" and migration:
            running[:] = [f"{migration.app_label} {migration.name}"]
            told[running[0]] = Told(migration.atomic)

    def record(execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any) -> Any:
        if running and not many:
            told[running[0]].sql.append(_whole(sql, params))
        return execute(sql, params, many, context)

    executor = MigrationExecutor(connection, note)
    with connection.execute_wrapper(record):
        executor.migrate(executor.loader.graph.leaf_nodes())
    ours = {*settings.MODULES, "bus", "rest"}
    return {name: each for name, each in told.items() if name.split()[0] in ours}


def _whole(sql: str, params: Any) -> str:
    operations: Any = connection.ops
    return str(operations.compose_sql(sql, params)) if params else sql


def refuses(name: str, told: Told, folder: Path) -> bool:
    """Let squawk judge, and say why, if it refuses."""
    path = folder / f"{name.replace(' ', '.')}.sql"
    told.write(path)
    how = [f"--exclude={rule}" for rule in _NOT_JUDGED]
    if told.is_atomic:
        how.append("--assume-in-transaction")
    command: list[str | Path] = [_SQUAWK, "--reporter=gcc", "--pg-version=15.0", *how, path.name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout + done.stderr)
    return done.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
