"""A temporary table that bears a table's name, is filled in its stead, and is compared with it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import connection
from psycopg import sql

from kernel import limits


@dataclasses.dataclass(frozen=True)
class Counts:
    """How many rows are told, and on how many what is known and what is told disagree."""

    rows: int
    missing: int  # told, but not known
    surplus: int  # known, but not told
    different: int


@dataclasses.dataclass(frozen=True)
class Difference:
    """A row on which they disagree; of a row that both have, only the columns that differ."""

    kind: str  # as in Counts
    key: str
    known: Mapping[str, Any]
    told: Mapping[str, Any]


class Shadow:
    """
    Hides a table from this session behind a temporary one.

    PostgreSQL looks for a name among temporary tables first, so that SQL which doesn't name the
    schema meets the shadow. In the names below `known` is the table and `told` the shadow.
    """

    def __init__(self, *, table: str, key: str, columns: Sequence[str]) -> None:
        self._table, self._schema = table, "public"
        self._key, self._columns = key, columns

    @contextlib.contextmanager
    def hiding(self) -> Iterator[None]:
        """Make the shadow, empty, and hide the table while the block runs."""
        of_table = "SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = %s::regclass"
        [[self._schema]] = self._rows(sql.SQL(of_table), [self._table])
        self._do("CREATE TEMPORARY TABLE {name} (LIKE {known} INCLUDING ALL)")
        try:
            yield
        finally:
            self._do("DROP TABLE {told}")

    def analyze(self) -> None:
        """Tell PostgreSQL how large the shadow has become."""
        self._do("ANALYZE {told}")

    def lock(self) -> None:
        """Keep others from writing to the table until the transaction ends; they may read."""
        self._do(f"SET LOCAL lock_timeout = '{limits.REPLICA_LOCK_SECONDS}s'")
        self._do("LOCK TABLE {known} IN SHARE ROW EXCLUSIVE MODE")

    def counts(self) -> Counts:
        """Compare the two, by key."""
        query = """
            SELECT count(told.{key}), count(*) FILTER (WHERE known.{key} IS NULL),
                count(*) FILTER (WHERE told.{key} IS NULL),
                count(*) FILTER (WHERE known.{key} = told.{key} AND {different})
            FROM {known} AS known FULL JOIN {told} AS told ON known.{key} = told.{key}
        """
        [row] = self._rows(self._filled_in(query))
        return Counts(*row)

    def differences(self, most: int) -> list[Difference]:
        """Return the first rows on which the two disagree, by key."""
        query = """
            SELECT COALESCE(known.{key}, told.{key}),
                to_jsonb(known)::text, to_jsonb(told)::text
            FROM {known} AS known FULL JOIN {told} AS told ON known.{key} = told.{key}
            WHERE known.{key} IS NULL OR told.{key} IS NULL OR {different}
            ORDER BY 1 LIMIT %s
        """
        rows = self._rows(self._filled_in(query), [most])
        return [self._difference(str(key), known, told) for key, known, told in rows]

    def mend(self) -> None:
        """Give the table the rows of the shadow: only those that differ are written."""
        self._do("""
            DELETE FROM {known} AS known
            WHERE NOT EXISTS (SELECT FROM {told} AS told WHERE told.{key} = known.{key})
        """)
        self._do("""
            UPDATE {known} AS known SET {new_values}
            FROM {told} AS told WHERE told.{key} = known.{key} AND {different}
        """)
        self._do("""
            INSERT INTO {known} ({key}, {columns}) SELECT {key}, {columns} FROM {told} AS told
            WHERE NOT EXISTS (SELECT FROM {known} AS known WHERE known.{key} = told.{key})
        """)

    def _difference(self, key: str, known: str | None, told: str | None) -> Difference:
        before, after = (json.loads(row) if row else {} for row in (known, told))
        kind = "different" if before and after else "surplus" if before else "missing"
        differs = [name for name in self._columns if before.get(name) != after.get(name)]
        return Difference(
            kind,
            key,
            {name: before[name] for name in differs if before},
            {name: after[name] for name in differs if after},
        )

    def _filled_in(self, query: str) -> sql.Composed:
        columns = [sql.Identifier(name) for name in self._columns]
        known, told = ([sql.SQL(f"{of}.") + c for c in columns] for of in ("known", "told"))
        comma = sql.SQL(", ")
        return sql.SQL(query).format(
            name=sql.Identifier(self._table),
            known=sql.Identifier(self._schema, self._table),
            told=sql.Identifier("pg_temp", self._table),
            key=sql.Identifier(self._key),
            columns=comma.join(columns),
            new_values=comma.join(c + sql.SQL(" = told.") + c for c in columns),
            different=sql.SQL("ROW({}) IS DISTINCT FROM ROW({})").format(
                comma.join(known), comma.join(told)
            ),
        )

    def _do(self, statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(self._filled_in(statement))

    def _rows(self, query: sql.Composable, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(query, values)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows
