"""The database's two roles, made by an owner who is no superuser: as RDS gives one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from dev import ROOT
from dev.postgres import LocalPostgres

OWNER = "shop_owner"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    server = LocalPostgres(tmp_path_factory.mktemp("cluster") / "postgres")
    server.start()
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE")
        connection.execute(f"CREATE DATABASE shop TEMPLATE template0 OWNER {OWNER}")
        connection.execute("DROP DATABASE app")
    with psycopg.connect(server.url("template1"), autocommit=True) as connection:
        connection.execute("DROP OWNED BY app")
        connection.execute("DROP ROLE app")
    yield server
    server.stop()
    server.forget()


def run(server: LocalPostgres, *command: str, **more: str) -> None:
    """Run a program of the shop's as the owner, whose name the URL doesn't tell."""
    url = f"postgresql:///shop?host={server.socket}"
    environment = {**os.environ, "DATABASE_URL": url, "PGUSER": OWNER, **more}
    subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True)


def one(server: LocalPostgres, query: str, user: str = "postgres") -> Any:
    with psycopg.connect(server.url("shop", user=user)) as connection:
        row = connection.execute(query).fetchone()
        return row and row[0]


def test_the_owner_makes_the_role_once_and_never_changes_its_password(
    server: LocalPostgres,
) -> None:
    password = "SELECT rolpassword FROM pg_authid WHERE rolname = 'app'"

    run(server, "-m", "ecommerce.database_roles", APP_PASSWORD="first")
    made = one(server, password)
    run(server, "-m", "ecommerce.database_roles", APP_PASSWORD="second")

    assert made.startswith("SCRAM-SHA-256$")
    assert one(server, password) == made


def test_a_second_user_of_the_app_may_do_what_the_first_may(server: LocalPostgres) -> None:
    """Whoever changes passwords makes one that is a member of the other."""
    run(server, "-m", "ecommerce.database_roles", APP_PASSWORD="first")
    with psycopg.connect(server.url("shop", user=OWNER)) as connection:
        connection.execute("CREATE TABLE things (id integer)")
        connection.execute("CREATE ROLE app_clone LOGIN; GRANT app TO app_clone")

    with psycopg.connect(server.url("shop", user="app_clone")) as connection:
        connection.execute("INSERT INTO things VALUES (1)")
        connection.execute("UPDATE things SET id = 2")
    with (
        psycopg.connect(server.url("shop", user="app_clone")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("TRUNCATE things")
    assert one(server, "SELECT count(*) FROM things", user="app") == 1


def test_the_owner_can_migrate_though_it_is_no_superuser(server: LocalPostgres) -> None:
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]

    run(server, "-m", "ecommerce.database_roles", *migrate, APP_PASSWORD="first")

    owners = (
        "SELECT string_agg(DISTINCT tableowner, ',') FROM pg_tables WHERE schemaname = 'public'"
    )
    assert one(server, owners) == OWNER
    assert one(server, "SELECT count(*) FROM orders_order", user="app") == 0


def test_a_database_that_cannot_hold_every_text_is_refused(server: LocalPostgres) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE old TEMPLATE template0 ENCODING SQL_ASCII LOCALE 'C'")
    done = subprocess.run(
        [sys.executable, "-m", "ecommerce.database_roles", "true"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": server.url("old")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "The database is encoded in SQL_ASCII: make it anew in UTF8.\n"
