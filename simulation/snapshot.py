"""Copies of all rows, beside the tables, and the tables put back as they were."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection

# A partition's rows are those of its table.
_TABLES = """
SELECT relname, relkind = 'p' FROM pg_class JOIN pg_namespace AS space ON space.oid = relnamespace
WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT relispartition
    AND relname <> 'django_migrations' ORDER BY relname
"""
# What PostgreSQL generates it doesn't take from anyone.
_COLUMNS = """
SELECT relname, string_agg(quote_ident(attname), ', ' ORDER BY attnum)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
JOIN pg_namespace AS space ON space.oid = relnamespace
WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT relispartition
    AND attnum > 0 AND NOT attisdropped AND attgenerated = '' GROUP BY relname
"""
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"
_FOREIGN_KEYS = """
SELECT child.relname, parent.relname FROM pg_constraint
JOIN pg_class AS child ON child.oid = conrelid JOIN pg_class AS parent ON parent.oid = confrelid
WHERE contype = 'f'
"""


class Snapshot:
    """The rows and sequences of all tables at one moment, kept in a schema of its own."""

    def __init__(self, schema: str) -> None:
        self._schema = schema
        with connection.cursor() as cursor:
            cursor.execute(_TABLES)
            kinds = dict(cursor.fetchall())
            self.tables = list(kinds)
            self.whole = [name for name, is_partitioned in kinds.items() if not is_partitioned]
            cursor.execute(_FOREIGN_KEYS)
            self._keys = cursor.fetchall()
            cursor.execute(_COLUMNS)
            self._columns = dict(cursor.fetchall())
            cursor.execute(_SEQUENCES)
            self._sequences = dict(cursor.fetchall())
            cursor.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")
            for name in self.tables:
                cursor.execute(f"CREATE TABLE {self._copy(name)} AS TABLE {_quoted(name)}")

    def put_back(self, written: Collection[str]) -> None:
        """
        Put the rows of these tables, and all sequences, back as they were.

        Tables are emptied by TRUNCATE: a table's pages, and with them its plans and the order of
        its rows, must not tell how much was written before.
        """
        tables = [name for name in self.tables if name in self._with_hangers_on(written)]
        statements = ["SET LOCAL session_replication_role = replica"]  # in any order, unguarded
        statements += [f"TRUNCATE {', '.join(map(_quoted, tables))}"] if tables else []
        statements += [self._insert(name) for name in tables]
        statements += [
            f"SELECT setval('public.{name}', {value or 1}, {value is not None})"
            for name, value in sorted(self._sequences.items())
        ]
        with connection.cursor() as cursor:
            cursor.execute(f"BEGIN; {'; '.join(statements)}; COMMIT")

    def drop(self) -> None:
        """Forget the copies."""
        with connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA {self._schema} CASCADE")

    def _with_hangers_on(self, tables: Collection[str]) -> set[str]:
        """Add the tables whose rows point to these: they can't be emptied without them."""
        found = set(tables)
        while more := {child for child, parent in self._keys if parent in found} - found:
            found |= more
        return found

    def _insert(self, table: str) -> str:
        columns = self._columns[table]
        return f"INSERT INTO {_quoted(table)} ({columns}) SELECT {columns} FROM {self._copy(table)}"  # noqa: S608

    def _copy(self, table: str) -> str:
        return f"{self._schema}.{_quoted(table)}"


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
