"""
The two roles of the database: who runs this owns the tables, `app` works on what is in them.

`python -m ecommerce.database_roles python manage.py migrate` makes them, if they are missing, and
becomes the command that follows. It reads DATABASE_URL, as the owner, and APP_PASSWORD, which only
a role that is new is given: whoever changes passwords later does it by himself.
"""

from __future__ import annotations

import os
import sys

import psycopg
from psycopg import sql

APP = "app"
_FIND = "SELECT FROM pg_roles WHERE rolname = %s"
_CREATE = "CREATE ROLE {app} LOGIN"
_GRANTS = """
GRANT USAGE ON SCHEMA public TO {app};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {app};
"""


def make_role(connection: psycopg.Connection, *, password: str | None) -> None:
    """Make the role `app` if there is none; without a password, where none is asked for."""
    if connection.execute(_FIND, [APP]).fetchone() is None:
        create = sql.SQL(_CREATE).format(app=sql.Identifier(APP))
        if password is not None:
            create += sql.SQL(" PASSWORD {}").format(sql.Literal(password))
        connection.execute(create)


def grant(connection: psycopg.Connection) -> None:
    """Let `app` work on the tables that this role will make in this database."""
    connection.execute(sql.SQL(_GRANTS).format(app=sql.Identifier(APP)))


def demand_unicode(connection: psycopg.Connection) -> None:
    """End this program if the database can't hold every text: it would notice months later."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        sys.exit(f"The database is encoded in {encoding}: make it anew in UTF8.")


def main() -> None:
    """Make the role, grant it what it needs, and go on; again is harmless."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        demand_unicode(connection)
        make_role(connection, password=os.environ["APP_PASSWORD"])
        grant(connection)
    if command := sys.argv[1:]:
        os.execvp(command[0], command)  # noqa: S606 -- what we were started with, and no shell


if __name__ == "__main__":
    main()
