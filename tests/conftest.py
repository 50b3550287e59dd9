"""What every test may use: callers with their roles, a fixed clock, the wall between tables."""

from __future__ import annotations

import datetime as dt
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
def rows_of_migrations(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Put back what migrations made: Django empties every table after a real transaction."""
    with django_db_blocker.unblock():
        rows = _all_rows()
    empty_the_tables = TransactionTestCase._fixture_teardown

    def teardown(case: TransactionTestCase) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")  # past guards of TRUNCATE
        empty_the_tables(case)
        _insert(rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown)
        yield


def _all_rows() -> dict[str, str]:
    """Return every table that isn't empty, with its rows as JSON."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT json_agg(t)::text FROM "{table}" AS t')
            if (rows := cursor.fetchone()[0]) and table != "django_migrations":
                found[table] = rows
    return found


def _insert(rows: dict[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # tables in any order
        for table, values in rows.items():
            cursor.execute(
                f'INSERT INTO "{table}" SELECT * FROM json_populate_recordset(NULL::"{table}", %s)'
                " ON CONFLICT DO NOTHING",
                [values],
            )
        cursor.execute("SET session_replication_role = DEFAULT")


@pytest.fixture(autouse=True)
def table_wall() -> Iterator[None]:
    """Let no test pass in which an app's code touches another app's table."""
    with connections["default"].execute_wrapper(watch_the_wall):
        yield
