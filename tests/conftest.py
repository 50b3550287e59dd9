"""What every test may use: callers with their roles, a fixed clock, the wall between tables."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, connections
from django.test import Client, TransactionTestCase
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from kernel.ids import new_id
from kernel.rest.authentication import Principal
from tests import answers

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
_OWNERS = {
    model._meta.db_table: model._meta.app_label
    for model in apps.get_models(include_auto_created=True)
    if model._meta.app_label in settings.MODULES
}
# Whole names of tables: a column may well be called payment_token.
_TABLE = re.compile(rf"\b({'|'.join(_OWNERS)})\b")

_JSON = "json_agg(t)::text"


class TableWallBreached(Exception):
    """An app's code asked for a table of another app."""


@pytest.fixture
def client_for() -> Callable[..., APIClient]:
    """Return an API client with a token of these roles; without any, a customer's."""

    def make(*roles: str, user_id: uuid.UUID | None = None) -> APIClient:
        token = AccessToken()
        token.set_exp(lifetime=dt.timedelta(days=1))  # a test may move the clock
        token["user_id"], token["roles"] = str(user_id or new_id()), list(roles)
        client = APIClient(headers={"Authorization": f"Bearer {token}"})
        client.user_id = uuid.UUID(token["user_id"])  # type: ignore[attr-defined]
        return client

    return make


@pytest.fixture
def anyone() -> APIClient:
    """Return an API client without a token."""
    return APIClient()


def principal(*roles: str) -> Principal:
    return Principal(id=new_id(), roles=frozenset(roles))


def innermost_app() -> str | None:
    """Return the app whose code is running, by the innermost frame that lies in one."""
    frame = sys._getframe(1)
    while frame:
        if found := re.search(r"/apps/([a-z]+)/(?!migrations)", frame.f_code.co_filename):
            return found[1]
        frame = frame.f_back  # type: ignore[assignment]
    return None


def watch_the_wall(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
    if app := innermost_app():
        foreign = {_OWNERS[table] for table in _TABLE.findall(str(sql))} - {app}
        if foreign:
            raise TableWallBreached(
                f"{app} asked for a table of {', '.join(sorted(foreign))}: {sql}"
            )
    return execute(sql, params, many, context)


@pytest.fixture(scope="session", autouse=True)
def answers_that_the_schema_knows() -> Iterator[None]:
    """Let no test pass that sees an answer of the API of which the schema doesn't speak."""
    ask = Client.request

    def request(client: Client, **asked: Any) -> Any:
        answer = ask(client, **asked)
        answers.judge(asked["REQUEST_METHOD"], answer)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "request", request)
        yield


@pytest.fixture(scope="session", autouse=True)
def tables_as_migrated(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """
    After a real transaction, put back what migrations made, and empty what has been filled since.

    Django would truncate every table and tell all apps anew that they were migrated: that takes
    longer than most of these tests.
    """
    with django_db_blocker.unblock():
        tables = Tables()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: tables.put_back())
        yield


class Tables:
    """The tables as migrations left them."""

    def __init__(self) -> None:
        """Remember every table's rows, and which others refer to it."""
        names = sorted(connection.introspection.django_table_names(only_existing=True))
        with connection.cursor() as cursor:
            self._rows = {name: rows for name in names if (rows := _rows(cursor, name))}
            cursor.execute(
                "SELECT confrelid::regclass::text, conrelid::regclass::text"
                " FROM pg_constraint WHERE contype = 'f' AND conrelid <> confrelid"
            )
            references = cursor.fetchall()
        self._referring: dict[str, set[str]] = {name: set() for name in names}
        for referred, referring in references:
            self._referring.setdefault(referred, set()).add(referring)
        self._changed = " UNION ALL ".join(self._is_changed(name) for name in names)

    def put_back(self) -> None:
        """Let every table be as it was."""
        with connection.cursor() as cursor:
            cursor.execute(self._changed)
            if not (changed := self._with_referring({name for (name,) in cursor.fetchall()})):
                return
            cursor.execute("SET session_replication_role = replica")  # past guards, in any order
            cursor.execute(f"TRUNCATE {', '.join(changed)}")
            for name in changed & self._rows.keys():
                cursor.execute(
                    f"INSERT INTO {name} SELECT * FROM json_populate_recordset(NULL::{name}, %s)",
                    [self._rows[name]],
                )
            cursor.execute("SET session_replication_role = DEFAULT")

    def _is_changed(self, name: str) -> str:
        found = f"SELECT '{name}' WHERE"
        if name in self._rows:
            digest = hashlib.md5(self._rows[name].encode(), usedforsecurity=False).hexdigest()
            return f"{found} '{digest}' IS DISTINCT FROM (SELECT md5({_JSON}) FROM {name} AS t)"
        return f"{found} EXISTS (SELECT FROM {name})"

    def _with_referring(self, names: set[str]) -> set[str]:
        """Return these and what refers to them: PostgreSQL truncates them together only."""
        found, new = set(names), set(names)
        while new:
            new = {each for name in new for each in self._referring.get(name, ())} - found
            found |= new
        return found


def _rows(cursor: Any, table: str) -> str | None:
    cursor.execute(f"SELECT {_JSON} FROM {table} AS t")
    (found,) = cursor.fetchone()
    return found  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def table_wall() -> Iterator[None]:
    """Let no test pass in which an app's code touches another app's table."""
    with connections["default"].execute_wrapper(watch_the_wall):
        yield
