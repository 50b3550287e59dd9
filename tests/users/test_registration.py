from __future__ import annotations

import logging

import pytest
from django.core import exceptions
from django.db import IntegrityError
from rest_framework.test import APIClient

from apps.users.events import UserRegistered
from apps.users.models import User
from kernel.bus.models import OutboxEvent
from kernel.bus.testing import published

pytestmark = pytest.mark.django_db
ANNA = {"email": "Anna@Example.com", "password": "correct horse battery", "name": "Anna Ek"}


def test_registering_opens_an_account_that_can_log_in_at_once(anyone: APIClient) -> None:
    answer = anyone.post("/api/v1/users", ANNA)
    assert (answer.status_code, answer.json()) == (
        201,
        {"email": "anna@example.com", "name": "Anna Ek"},
    )
    user = User.objects.get()
    assert published(UserRegistered) == [
        UserRegistered(
            occurred_at=user.created_at,
            user_id=user.id,
            version=1,
            email="anna@example.com",
            name_of_user="Anna Ek",
            roles=(),
        )
    ]
    login = {"email": "anna@example.com", "password": ANNA["password"]}
    assert anyone.post("/api/v1/auth/token", login).status_code == 200


def test_an_address_that_has_an_account_gets_the_same_answer_and_stays_as_it_is(
    anyone: APIClient,
) -> None:
    first = anyone.post("/api/v1/users", ANNA)
    again = {**ANNA, "email": "ANNA@example.com", "password": "another good password"}
    second = anyone.post("/api/v1/users", again)
    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert User.objects.get().check_password(ANNA["password"])
    assert len(published(UserRegistered)) == 1


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("password", "short", "password_too_short"),
        ("password", "password", "password_too_common"),
        ("password", "83620174553", "password_entirely_numeric"),
        ("password", "anna@example.com", "password_too_similar"),
        ("password", "x" * 129, "max_length"),
        ("email", "no address", "invalid"),
        ("email", "a" * 250 + "@example.com", "max_length"),
        ("name", "", "blank"),
        ("name", "a\0b", "null_characters_not_allowed"),
        ("role", "admin", "unknown_field"),
    ],
)
def test_a_body_that_is_not_good_is_refused_with_its_field_and_opens_nothing(
    anyone: APIClient, field: str, value: str, code: str
) -> None:
    answer = anyone.post("/api/v1/users", {**ANNA, field: value})
    assert answer.status_code == 400
    assert (field, code) in [(error["field"], error["code"]) for error in answer.json()["errors"]]
    assert (User.objects.count(), published()) == (0, [])


def test_nothing_personal_is_logged_or_lies_open_in_the_log_of_events(
    anyone: APIClient, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    anyone.post("/api/v1/users", ANNA)
    anyone.post("/api/v1/users", ANNA)
    anyone.post("/api/v1/users", {**ANNA, "password": "anna"})
    anyone.post("/api/v1/auth/token", {"email": ANNA["email"], "password": "wrong guess"})
    out, err = capfd.readouterr()
    seen = caplog.text + out + err + str(list(OutboxEvent.objects.values()))
    for secret in ("example.com", "Anna", "Ek'", "correct horse", "wrong guess"):
        assert secret not in seen


def test_the_password_is_kept_as_argon2_alone(anyone: APIClient) -> None:
    anyone.post("/api/v1/users", ANNA)
    assert User.objects.get().password.startswith("argon2$")


def test_the_database_refuses_an_address_in_capitals() -> None:
    with pytest.raises(IntegrityError, match="users_user_email_lower"):
        User.objects.create(email="Anna@example.com", name="Anna")


def test_the_database_refuses_a_second_account_with_the_address() -> None:
    User.objects.create(email="anna@example.com", name="Anna")
    with pytest.raises(exceptions.ValidationError):
        User(email="anna@example.com", name="Other").full_clean()
    with pytest.raises(IntegrityError, match="email"):
        User.objects.create(email="anna@example.com", name="Other")
