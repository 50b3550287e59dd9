"""Database statements and commits as points: each connection of a task asks for the baton."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import orjson
from django.db import Error, OperationalError
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg import errors
from psycopg.types.json import Json, Jsonb

from simulation.baton import Task, current_task
from simulation.points import label_of, tables_written

_commit = DatabaseWrapper._commit  # type: ignore[attr-defined]  # noqa: SLF001
_connect = DatabaseWrapper.init_connection_state


@contextlib.contextmanager
def instrumented() -> Iterator[None]:
    """Let every connection that is made in the block stop its task at statements and commits."""
    with (
        mock.patch.object(DatabaseWrapper, "init_connection_state", _attach),
        mock.patch.object(DatabaseWrapper, "_commit", _commit_at_points),
    ):
        yield


def digest_of(value: Any) -> str:
    """Return a short hash of a statement's parameters: the same in every process."""
    return hashlib.blake2b(_plain(value).encode(), digest_size=4).hexdigest()


def _attach(self: DatabaseWrapper) -> None:
    if _execute not in self.execute_wrappers:
        self.execute_wrappers.append(_execute)
    _connect(self)


def _execute(call: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001
    task = current_task()
    if task is None:
        return call(sql, params, many, context)
    label = label_of(sql)
    task.stop_at(label, digest_of(params))
    task.written |= tables_written(sql)
    task.backend = context["connection"].connection.info.backend_pid
    try:
        result = call(sql, params, many, context)
    except Error as error:
        _end_deadlock(task, error)
        task.tell(type(error).__name__)
        raise
    task.tell(f"{max(context['cursor'].cursor.rowcount, 0)} rows")
    return result


def _end_deadlock(task: Task, error: Error) -> None:
    """Raise what PostgreSQL would have raised: whoever is cancelled had a deadlock."""
    if task.is_deadlocked and isinstance(error.__cause__, errors.QueryCanceled):
        task.is_deadlocked = False
        task.tell("deadlock")
        raise OperationalError("deadlock detected") from error


def _commit_at_points(self: DatabaseWrapper) -> None:
    if task := current_task():
        task.stop_at("commit")
    _commit(self)
    if task:
        task.stop_at("committed")


def _plain(value: Any) -> str:
    if isinstance(value, Json | Jsonb):
        return orjson.dumps(value.obj, option=orjson.OPT_SORT_KEYS, default=str).decode()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict):
        return str({name: _plain(value[name]) for name in sorted(value)})
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_plain, value))}]"
    return str(value)
