"""A password changed by who is logged in and knows the old one."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from apps.users.events import LetterRequested, UserUpdated
from apps.users.models import LoginAttempts, RefreshToken, User
from kernel.bus.testing import published
from tests.conftest import NOON
from tests.users.conftest import EMAIL, PASSWORD
from tests.users.mails import mails

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "cheap_hashes")]
URL = "/api/v1/users/me/password"
NEW = "another good password"
CHANGE = {"current_password": PASSWORD, "new_password": NEW}


def log_in(password: str, email: str = EMAIL) -> Any:
    return APIClient().post("/api/v1/auth/token", {"email": email, "password": password})


def refresh(token: str) -> Any:
    return APIClient().post("/api/v1/auth/token/refresh", {"refresh": token})


def bearer(tokens: dict[str, str]) -> APIClient:
    return APIClient(headers={"Authorization": f"Bearer {tokens['access']}"})


@pytest.fixture
def anna(registered: uuid.UUID) -> APIClient:
    """Anna's own client, who has just logged in."""
    return bearer(log_in(PASSWORD).json())


def test_a_new_password_takes_the_place_of_the_old_one(anna: APIClient) -> None:
    answer = anna.post(URL, CHANGE)

    assert (answer.status_code, set(answer.json())) == (200, {"access", "refresh", "expires_in"})
    assert answer["Cache-Control"] == "no-store"
    assert log_in(PASSWORD).status_code == 401
    assert log_in(NEW).status_code == 200


def test_every_login_ends_but_the_one_that_the_answer_begins(
    anna: APIClient, registered: uuid.UUID
) -> None:
    phone = log_in(PASSWORD).json()["refresh"]
    tokens = anna.post(URL, CHANGE).json()

    old = RefreshToken.objects.exclude(token_hash=RefreshToken.hash_of(tokens["refresh"]))
    assert set(old.values_list("revoked_at", flat=True)) == {NOON}
    assert refresh(phone).json()["code"] == "invalid_refresh_token"
    assert refresh(tokens["refresh"]).status_code == 200
    assert bearer(tokens).get("/api/v1/users/me").json()["id"] == str(registered)


def test_the_owner_is_told_by_mail_and_the_shop_by_an_event(
    anna: APIClient, registered: uuid.UUID
) -> None:
    anna.post(URL, CHANGE)

    assert (mails()[-1].to, mails()[-1].subject) == ([EMAIL], "Your password was changed")
    (event,) = published(UserUpdated)
    assert isinstance(event, UserUpdated)
    assert (event.user_id, event.version, event.changed) == (registered, 2, ("password",))


def test_a_wrong_password_is_refused_and_counts_like_a_failed_login(
    anna: APIClient, clock: time_machine.Traveller
) -> None:
    before = published(UserUpdated)
    for _ in range(9):
        answer = anna.post(URL, {**CHANGE, "current_password": "wrong"})
        assert (answer.status_code, answer.json()["code"]) == (422, "wrong_password")
    assert log_in("wrong").status_code == 401
    locked = anna.post(URL, CHANGE)
    assert (locked.status_code, locked.json()["code"]) == (429, "too_many_attempts")
    assert locked["Retry-After"] == "900"
    assert log_in(PASSWORD).status_code == 429
    assert published(UserUpdated) == before
    clock.shift(dt.timedelta(minutes=15))
    assert log_in(PASSWORD).status_code == 200


def test_a_right_password_forgets_the_failures_before_it(anna: APIClient) -> None:
    for _ in range(9):
        anna.post(URL, {**CHANGE, "current_password": "wrong"})
    tokens = anna.post(URL, CHANGE).json()
    for _ in range(9):
        assert log_in("wrong").status_code == 401
    assert refresh(tokens["refresh"]).status_code == 200
    assert LoginAttempts.objects.filter(attempts=9).count() == 1


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password_too_short"),
        ("password1", "password_too_common"),
        (EMAIL, "password_too_similar"),
    ],
)
def test_a_password_that_is_not_good_enough_changes_nothing(
    anna: APIClient, password: str, code: str
) -> None:
    before = published()
    answer = anna.post(URL, {**CHANGE, "new_password": password})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    [error] = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("new_password", code)
    assert published() == before
    assert log_in(PASSWORD).status_code == 200


@pytest.mark.parametrize("name", ["current_password", "new_password"])
def test_both_passwords_are_needed(anna: APIClient, name: str) -> None:
    answer = anna.post(URL, {key: value for key, value in CHANGE.items() if key != name})
    assert [error["field"] for error in answer.json()["errors"]] == [name]


def test_nobody_and_a_closed_account_are_refused(
    anna: APIClient, anyone: APIClient, registered: uuid.UUID
) -> None:
    assert anyone.post(URL, CHANGE).status_code == 401
    User.objects.filter(id=registered).update(is_active=False)
    answer = anna.post(URL, CHANGE)
    assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")
    assert published(UserUpdated) == []


def test_it_can_be_done_more_than_five_times_within_the_hour(anna: APIClient) -> None:
    password, client = PASSWORD, anna
    for n in range(7):
        change = {"current_password": password, "new_password": f"{NEW} {n}"}
        client = bearer(client.post(URL, change).json())
        password = change["new_password"]
    assert log_in(password).status_code == 200
    kinds = [event.kind for event in published(LetterRequested)]  # type: ignore[attr-defined]
    assert kinds.count("password_changed") == 5
