"""
Sends the statements of one `POST /orders` by psycopg alone, over and over, with fresh ids.

Stdin says whose orders, how many, and where PostgreSQL's first process is; printed are the CPU
seconds of this process and of the database.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import django

django.setup()

import psycopg  # noqa: E402 -- Django must be set up before any model
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from psycopg.types.json import Jsonb  # noqa: E402

from apps.orders.models.number import new_number  # noqa: E402
from bench.processes import Cpu  # noqa: E402
from kernel.ids import new_id  # noqa: E402

# What is new in each order: its ids, its number, and the hash of its Idempotency-Key.
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_HASH = r"\b[0-9a-f]{64}\b"
_NUMBER = r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){2}\b"
_NEW = re.compile(f"{_UUID}|{_HASH}|{_NUMBER}")
WARM_UP = 20

Statement = tuple[str, Any]


def main() -> None:
    """Capture, send, measure, print."""
    asked = json.load(sys.stdin)
    first, second = [_captured(body, asked["authorization"]) for body in asked["bodies"]][-2:]
    known = set(_words(second))
    new = {word for word in _words(first) if word not in known}
    connection.close()
    answer = {
        "statements": [sql for sql, _ in first],
        **{
            name: _send(
                [_with_fresh_ids(first, new) for _ in range(asked["orders"] + WARM_UP)],
                cursor,
                asked["postmaster"],
            )
            for name, cursor in (("raw", psycopg.Cursor), ("as Django binds", psycopg.ClientCursor))
        },
    }
    print(json.dumps(answer))


def _captured(body: dict[str, Any], authorization: str) -> list[Statement]:
    """Place an order in this process, and return the statements of its transaction."""
    statements: list[Statement] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        answer = Client(SERVER_NAME="127.0.0.1").post(
            "/api/v1/orders",
            body,
            content_type="application/json",
            headers={"Authorization": authorization, "Idempotency-Key": secrets.token_hex(16)},
        )
    if answer.status_code != 201:
        raise SystemExit(f"The order was refused: {answer.content!r}")
    return statements


def _send(orders: list[list[Statement]], cursor: Any, postmaster: int) -> dict[str, float]:
    """Send them, each order in a transaction, and return the CPU milliseconds per order."""
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True, cursor_factory=cursor) as raw:
        database = Cpu({"database": postmaster})
        for statements in orders[:WARM_UP]:
            _send_one(raw, statements)
        before, begun = database.read(), time.process_time()
        for statements in orders[WARM_UP:]:
            _send_one(raw, statements)
        client = time.process_time() - begun
        spent = database.read()["database"] - before["database"]
    share = 1000 / (len(orders) - WARM_UP)
    return {"client ms": client * share, "database ms": spent * share}


def _send_one(raw: Any, statements: list[Statement]) -> None:
    with raw.transaction():
        for sql, params in statements:
            found = raw.execute(sql, params)
            if found.description:
                found.fetchall()


def _words(value: Any) -> Iterator[str]:
    """Yield what looks like an id in statements or their parameters."""
    if isinstance(value, list | tuple):
        for each in value:
            yield from _words(each)
    elif isinstance(value, str | uuid.UUID | Jsonb):
        yield from _NEW.findall(json.dumps(value.obj) if isinstance(value, Jsonb) else str(value))


def _with_fresh_ids(statements: list[Statement], new: set[str]) -> list[Statement]:
    fresh = {word: _another(word) for word in new}
    return [(sql, _replaced(params, fresh)) for sql, params in statements]


def _replaced(value: Any, fresh: dict[str, str]) -> Any:
    if isinstance(value, list | tuple):
        return [_replaced(each, fresh) for each in value]
    if isinstance(value, uuid.UUID):
        return uuid.UUID(_replaced(str(value), fresh))
    if isinstance(value, str):
        return _NEW.sub(lambda match: fresh.get(match[0], match[0]), value)
    if isinstance(value, Jsonb):
        return Jsonb(json.loads(_replaced(json.dumps(value.obj), fresh)))
    return value


def _another(word: str) -> str:
    if len(word) == 64:
        return secrets.token_hex(32)
    return str(new_id()) if re.fullmatch(_UUID, word) else new_number()


if __name__ == "__main__":
    main()
