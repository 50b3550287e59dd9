"""Who came in, who tried to, and who was locked out: told to the audit."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.users.events import LoginFailed, LoginLockedOut, UserLoggedIn
from apps.users.models import User
from apps.users.usecases import accounts
from kernel.bus.event import Event
from kernel.bus.testing import envelopes, published
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.users.conftest import EMAIL, PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "cheap_hashes")]
LOGINS = (UserLoggedIn, LoginFailed, LoginLockedOut)


def told() -> list[dict[str, Any]]:
    """Return what was told of logins, without the ids of attempts."""
    return [
        {"event": type(event).__name__, **event.model_dump(exclude={"occurred_at", "attempt_id"})}
        for event in published(*LOGINS)
    ]


def by_api(password: str, email: str = EMAIL) -> int:
    body = {"email": email, "password": password}
    return APIClient().post("/api/v1/auth/token", body).status_code


def by_admin(password: str, email: str = EMAIL) -> int:
    body = {"username": email, "password": password}
    return Client().post("/admin/login/", body).status_code


def event(kind: type[Event], user_id: uuid.UUID | None, entrance: str, **more: Any) -> Any:
    return {"event": kind.__name__, "user_id": user_id, "entrance": entrance, **more}


def test_the_api_tells_of_each_login(registered: uuid.UUID) -> None:
    assert [by_api(PASSWORD), by_api("wrong"), by_api("wrong", "no@example.com")] == [200, 401, 401]
    assert told() == [
        event(UserLoggedIn, registered, "api"),
        event(LoginFailed, registered, "api"),
        event(LoginFailed, None, "api"),
    ]


def test_nothing_tells_which_address_without_an_account_was_tried(registered: uuid.UUID) -> None:
    by_api("wrong", "nobody@example.com")
    by_admin("wrong", "nobody@example.com")
    log = envelopes()
    assert [each.name for each in log[-2:]] == ["users.login_failed.v1"] * 2
    assert "nobody" not in str(log)


def test_the_admin_tells_of_each_login(registered: uuid.UUID) -> None:
    assert by_admin(PASSWORD) == 200  # the form again: a customer is no staff
    with transaction():
        accounts.set_roles(user_id=registered, roles=["support"], at=NOON)
    assert [by_admin(PASSWORD), by_admin("wrong"), by_admin("wrong", "no@example.com")] == [
        302,
        200,
        200,
    ]
    assert told() == [
        event(LoginFailed, registered, "admin"),
        event(UserLoggedIn, registered, "admin"),
        event(LoginFailed, registered, "admin"),
        event(LoginFailed, None, "admin"),
    ]


@pytest.mark.parametrize("email", [EMAIL, "no@example.com"])
def test_a_lock_out_is_told_once_however_long_they_go_on(registered: uuid.UUID, email: str) -> None:
    assert [by_api("wrong", email) for _ in range(13)] == [401] * 10 + [429] * 3
    assert by_admin(PASSWORD, email) == 429
    user_id = registered if email == EMAIL else None
    assert told() == [
        *[event(LoginFailed, user_id, "api")] * 10,
        event(LoginLockedOut, user_id, "api", until=NOON + dt.timedelta(minutes=15)),
    ]


def test_who_does_not_know_the_current_password_is_told_of(
    registered: uuid.UUID, client_for: Any
) -> None:
    body = {"current_password": "wrong", "new_password": "another long word"}
    answer = client_for(user_id=registered).post("/api/v1/users/me/password", body)
    assert answer.status_code in {400, 401, 403, 422}
    assert told() == [event(LoginFailed, registered, "password_change")]


def test_a_failed_login_costs_the_same_statements_with_an_account_and_without(
    registered: uuid.UUID, django_assert_num_queries: Any
) -> None:
    for email in (EMAIL, "no@example.com"):
        by_api("wrong", email)
        with django_assert_num_queries(5):
            by_api("wrong", email)


def test_a_closed_account_is_nobody(registered: uuid.UUID) -> None:
    User.objects.update(is_active=False)
    by_api(PASSWORD)
    assert told() == [event(LoginFailed, None, "api")]
