"""
Transactions by name: who opens one, and who only demands one.

Edges (views, handlers, jobs, commands) open a transaction; use cases and `publish`
demand one. Django's `atomic` can't tell the two apart.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import ParamSpec, TypeVar

from django.db import connection
from django.db import transaction as django_transaction  # noqa: TID251 -- the one place

P = ParamSpec("P")
R = TypeVar("R")


class TransactionMissing(Exception):
    """A function that demands a transaction was called outside of one."""


def transaction() -> AbstractContextManager[None]:
    """
    Open a transaction that commits when the block ends; it may not lie in another.

    :raises RuntimeError: inside another transaction, which alone could commit.
    """
    return django_transaction.atomic(durable=True)


def savepoint() -> AbstractContextManager[None]:
    """Open a part of the running transaction that can fail alone."""
    demand_transaction("a savepoint")
    return django_transaction.atomic()


def in_transaction() -> bool:
    """Say whether a transaction is open; the one that a test wraps itself in doesn't count."""
    return any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)


def demand_transaction(what: str) -> None:
    """
    Refuse to go on outside a transaction.

    :raises TransactionMissing: naming `what` needs one.
    """
    if not in_transaction():
        raise TransactionMissing(f"{what} needs an open transaction: its edge opens one.")


def transaction_required(func: Callable[P, R]) -> Callable[P, R]:
    """Let the decorated function run only inside a transaction."""

    @functools.wraps(func)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        demand_transaction(func.__qualname__)
        return func(*args, **kwargs)

    return inner
