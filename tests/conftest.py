"""What every test may use: callers with their roles, a fixed clock, the wall between tables."""

from __future__ import annotations

import datetime as dt
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from kernel.ids import new_id
from kernel.rest.authentication import Principal

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
_TABLE = re.compile(rf'"?\b({"|".join(settings.MODULES)})_[a-z_]+"?')


class TableWallBreached(Exception):
    """An app's code asked for a table of another app."""


@pytest.fixture
def client_for() -> Callable[..., APIClient]:
    """Return an API client with a token of these roles; without any, a customer's."""

    def make(*roles: str, user_id: uuid.UUID | None = None) -> APIClient:
        token = AccessToken()
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
        foreign = {name for name in _TABLE.findall(str(sql)) if name != app}
        if foreign:
            raise TableWallBreached(
                f"{app} asked for a table of {', '.join(sorted(foreign))}: {sql}"
            )
    return execute(sql, params, many, context)


@pytest.fixture(autouse=True)
def table_wall(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let no test pass in which an app's code touches another app's table."""
    if not {"db", "transactional_db"} & set(request.fixturenames):
        yield
        return
    with ExitStack() as stack:
        stack.enter_context(connections["default"].execute_wrapper(watch_the_wall))
        yield
