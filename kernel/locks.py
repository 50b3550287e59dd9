"""
Locks without a transaction: as long as the block, and no longer than the process.

They are PostgreSQL's advisory locks of the session: the block may open transactions of its own,
and PostgreSQL takes the lock back from a process that dies.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from django.db import connection

_KEY = "hashtextextended(%s, 0)"


@contextlib.contextmanager
def lock_if_free(name: str) -> Iterator[bool]:
    """Hold the lock of this name while the block runs, and tell it whether it is held."""
    is_held = bool(_ask(f"SELECT pg_try_advisory_lock({_KEY})", name))
    try:
        yield is_held
    finally:
        if is_held:
            _release(name)


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """
    Hold the lock of this name while the block runs, once nobody else does.

    :raises OperationalError: if someone holds it for longer than `limits.LOCK_SECONDS`.
    """
    _ask(f"SELECT pg_advisory_lock({_KEY})", name)
    try:
        yield
    finally:
        _release(name)


def _release(name: str) -> None:
    _ask(f"SELECT pg_advisory_unlock({_KEY})", name)


def _ask(sql: str, name: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql, [name])
        return cursor.fetchone()[0]
