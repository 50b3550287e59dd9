"""The embedded PostgreSQL: two roles, of which one owns the tables and the other only uses them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dev import ROOT
from dev.postgres import LocalPostgres

# Tables that may only grow carry a trigger of this name.
_PRIVILEGES = """
SELECT c.relname,
       EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname LIKE '%_append_only'),
       has_table_privilege('app', c.oid, 'SELECT') AND has_table_privilege('app', c.oid, 'INSERT'),
       has_table_privilege('app', c.oid, 'UPDATE') AND has_table_privilege('app', c.oid, 'DELETE'),
       has_table_privilege('app', c.oid, 'TRUNCATE')
FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
"""


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    server = LocalPostgres(tmp_path_factory.mktemp("cluster") / "postgres")
    server.start()
    environment = {**os.environ, "DATABASE_URL": server.url()}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    yield server
    server.stop()
    server.forget()


def test_the_role_app_may_use_every_table_and_change_what_may_change(
    migrated: LocalPostgres,
) -> None:
    with psycopg.connect(migrated.url(user="app")) as connection:
        rows = connection.execute(_PRIVILEGES).fetchall()
    assert len(rows) > 30
    assert [name for name, _, uses, _, _ in rows if not uses] == []
    kept = [name for name, only_grows, _, changes, _ in rows if changes == only_grows]
    # By grants on columns: heads move on, and of documents it is noted that they were stored.
    assert kept == ["audit_chain", "invoices_document"]
    assert [name for name, _, _, _, truncates in rows if truncates] == []
    assert any(only_grows for _, only_grows, *_ in rows)


def test_the_role_app_may_make_no_table(migrated: LocalPostgres) -> None:
    with (
        psycopg.connect(migrated.url(user="app")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("CREATE TABLE mine (id integer)")


def test_a_second_preparation_changes_nothing(migrated: LocalPostgres) -> None:
    migrated.prepare("other")
    migrated.prepare("other")
    with psycopg.connect(migrated.url("other", user="app")) as connection:
        assert connection.execute("SELECT current_user, current_database()").fetchone() == (
            "app",
            "other",
        )


def test_forgetting_a_cluster_leaves_its_neighbours_alone(tmp_path: Path) -> None:
    server, neighbour = LocalPostgres(tmp_path / "one"), LocalPostgres(tmp_path / "two")
    server.forget()
    assert (server.data.exists(), neighbour.data.exists()) == (False, True)
    neighbour.forget()


def test_a_server_that_was_left_behind_is_ended_before_a_new_one_starts(tmp_path: Path) -> None:
    first, second = LocalPostgres(tmp_path / "postgres"), LocalPostgres(tmp_path / "postgres")
    first.start()
    second.start()
    try:
        assert second.answers()
    finally:
        second.stop()
        first.stop()
        second.forget()
