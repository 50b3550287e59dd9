from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
import time_machine
from django.contrib.auth import hashers
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from apps.users import jobs
from apps.users.models import LoginAttempts, RefreshToken, User
from apps.users.usecases import accounts, logins
from kernel.bus.testing import published
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.users.conftest import EMAIL, PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "cheap_hashes")]
ANNA = {"email": EMAIL, "password": PASSWORD}


@pytest.fixture
def anna(registered: uuid.UUID) -> uuid.UUID:
    return registered


def log_in(client: APIClient, **changes: str) -> Any:
    return client.post("/api/v1/auth/token", {**ANNA, **changes})


def refresh(client: APIClient, token: str) -> Any:
    return client.post("/api/v1/auth/token/refresh", {"refresh": token})


def test_a_login_gives_tokens_that_say_who_it_is_and_with_which_roles(
    anyone: APIClient, anna: uuid.UUID
) -> None:
    with transaction():
        accounts.set_roles(user_id=anna, roles=["warehouse", "delivery"], at=NOON)
    answer = log_in(anyone, email=" ANNA@Example.com ")
    assert answer.status_code == 200
    assert (set(answer.json()), answer.json()["expires_in"]) == (
        {"access", "refresh", "expires_in"},
        300,
    )
    assert answer["Cache-Control"] == "no-store"
    payload = AccessToken(answer.json()["access"]).payload
    payload.pop("jti")
    assert payload == {
        "token_type": "access",
        "user_id": str(anna),
        "roles": ["delivery", "warehouse"],
        "iat": NOON.timestamp(),
        "exp": NOON.timestamp() + 300,
    }
    assert User.objects.get(id=anna).last_login == NOON


def test_an_access_token_opens_the_door_for_five_minutes(
    anyone: APIClient, anna: uuid.UUID, clock: time_machine.Traveller
) -> None:
    token = log_in(anyone).json()["access"]
    client = APIClient(headers={"Authorization": f"Bearer {token}"})
    assert client.get("/api/v1/users/me").json()["id"] == str(anna)
    clock.shift(dt.timedelta(seconds=301))
    assert client.get("/api/v1/users/me").status_code == 401


@pytest.mark.parametrize(
    "changes", [{"password": "wrong"}, {"email": "nobody@example.com"}], ids=["password", "email"]
)
def test_wrong_credentials_are_refused_alike(
    anyone: APIClient, anna: uuid.UUID, changes: dict[str, str]
) -> None:
    answer = log_in(anyone, **changes)
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (
        401,
        "invalid_credentials",
        "The e-mail address or the password is wrong.",
    )
    assert RefreshToken.objects.count() == 0


def test_a_closed_account_is_refused_like_a_wrong_password(
    anyone: APIClient, anna: uuid.UUID
) -> None:
    token = log_in(anyone).json()["refresh"]
    with transaction():
        accounts.deactivate(user_id=anna, at=NOON)
    assert log_in(anyone).json()["code"] == "invalid_credentials"
    assert refresh(anyone, token).json()["code"] == "invalid_refresh_token"


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
def test_each_wrong_login_costs_one_hash(
    anyone: APIClient, anna: uuid.UUID, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []
    for name in ("encode", "verify"):
        real = getattr(hashers.Argon2PasswordHasher, name)

        def counted(*args: Any, _real: Any = real, _name: str = name) -> Any:
            hashed.append(_name)
            return _real(*args)

        monkeypatch.setattr(hashers.Argon2PasswordHasher, name, counted)
    log_in(anyone, email=email, password="wrong")
    assert len(hashed) == 1


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
def test_ten_failures_lock_out_for_a_quarter_of_an_hour_account_or_not(
    anyone: APIClient, anna: uuid.UUID, email: str, clock: time_machine.Traveller
) -> None:
    for _ in range(10):
        assert log_in(anyone, email=email, password="wrong").status_code == 401
    clock.shift(dt.timedelta(minutes=5))
    answer = log_in(anyone, email=email)
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (
        429,
        "too_many_attempts",
        "600",
    )
    clock.shift(dt.timedelta(minutes=10))
    assert log_in(anyone, email=email).status_code == (200 if email == EMAIL else 401)


def test_a_lock_out_holds_for_one_address_and_one_account_only(
    anyone: APIClient, anna: uuid.UUID
) -> None:
    for _ in range(11):
        log_in(anyone, password="wrong")
    assert log_in(anyone).status_code == 429
    assert log_in(anyone, email="bo@example.com").status_code == 401
    elsewhere = APIClient(REMOTE_ADDR="192.0.2.7")
    assert log_in(elsewhere).status_code == 200


def test_a_forged_forwarded_for_does_not_escape_the_lock_out(
    anyone: APIClient, anna: uuid.UUID
) -> None:
    for number in range(10):
        client = APIClient(headers={"X-Forwarded-For": f"192.0.2.{number}"})
        assert log_in(client, password="wrong").status_code == 401
    assert log_in(APIClient(headers={"X-Forwarded-For": "192.0.2.99"})).status_code == 429


def test_a_good_login_forgets_the_failures_before_it(anyone: APIClient, anna: uuid.UUID) -> None:
    for _ in range(3):
        for _ in range(9):
            log_in(anyone, password="wrong")
        assert log_in(anyone).status_code == 200
    assert LoginAttempts.objects.count() == 1  # that of the mail which confirms the address


def test_attempts_tell_neither_address_nor_account(anyone: APIClient) -> None:
    log_in(anyone)
    row = str(LoginAttempts.objects.values().get())
    assert EMAIL not in row
    assert "127.0.0.1" not in row


def test_refreshing_gives_the_next_tokens_with_the_roles_of_now(
    anyone: APIClient, anna: uuid.UUID
) -> None:
    first = log_in(anyone).json()
    with transaction():
        accounts.set_roles(user_id=anna, roles=["support"], at=NOON)
    second = refresh(anyone, first["refresh"]).json()
    assert second["refresh"] != first["refresh"]
    assert AccessToken(second["access"]).payload["roles"] == ["support"]
    assert refresh(anyone, second["refresh"]).status_code == 200
    assert RefreshToken.objects.values("family_id").distinct().count() == 1


def test_a_refresh_token_that_comes_again_ends_its_whole_login_and_no_other(
    anyone: APIClient, anna: uuid.UUID
) -> None:
    stolen, other = log_in(anyone).json()["refresh"], log_in(anyone).json()["refresh"]
    latest = refresh(anyone, stolen).json()["refresh"]
    assert refresh(anyone, stolen).status_code == 401
    answer = refresh(anyone, latest)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_refresh_token")
    assert refresh(anyone, other).status_code == 200


def test_logging_out_ends_the_login_and_says_nothing_of_unknown_tokens(
    anyone: APIClient, anna: uuid.UUID
) -> None:
    first = log_in(anyone).json()["refresh"]
    latest = refresh(anyone, first).json()["refresh"]
    for token in (latest, latest, "never given out"):
        assert anyone.post("/api/v1/auth/logout", {"refresh": token}).status_code == 204
    assert refresh(anyone, latest).status_code == 401


def test_a_token_made_while_its_family_was_taken_back_is_not_good(
    anyone: APIClient, anna: uuid.UUID
) -> None:
    first = log_in(anyone).json()["refresh"]
    second = refresh(anyone, first).json()["refresh"]
    # As two transactions leave it: the one that revoked couldn't see the second token yet.
    RefreshToken.objects.filter(token_hash=RefreshToken.hash_of(first)).update(revoked_at=NOON)
    assert refresh(anyone, second).status_code == 401


def test_a_refresh_token_expires(
    anyone: APIClient, anna: uuid.UUID, clock: time_machine.Traveller
) -> None:
    token = log_in(anyone).json()["refresh"]
    clock.shift(dt.timedelta(days=30))
    assert refresh(anyone, token).status_code == 401


def test_a_new_password_ends_every_login(anyone: APIClient, anna: uuid.UUID) -> None:
    token = log_in(anyone).json()["refresh"]
    user = User.objects.get(id=anna)
    user.set_password("another good password")
    user.save()
    assert refresh(anyone, token).status_code == 401


def test_an_expired_access_token_does_not_stand_in_the_way_of_a_refresh(
    anyone: APIClient, anna: uuid.UUID, clock: time_machine.Traveller
) -> None:
    tokens = log_in(anyone).json()
    clock.shift(dt.timedelta(hours=1))
    client = APIClient(headers={"Authorization": f"Bearer {tokens['access']}"})
    assert refresh(client, tokens["refresh"]).status_code == 200


def test_only_the_hash_of_a_refresh_token_is_kept(anyone: APIClient, anna: uuid.UUID) -> None:
    token = log_in(anyone).json()["refresh"]
    assert token not in str(RefreshToken.objects.values().get())


def test_what_no_longer_counts_is_cleared_away(
    anyone: APIClient, anna: uuid.UUID, clock: time_machine.Traveller
) -> None:
    old = log_in(anyone).json()["refresh"]
    log_in(anyone, password="wrong")
    clock.shift(dt.timedelta(days=31))
    log_in(anyone)
    jobs.forget_old_logins()
    assert LoginAttempts.objects.count() == 0
    hashes = set(RefreshToken.objects.values_list("token_hash", flat=True))
    assert len(hashes) == 1
    assert RefreshToken.hash_of(old) not in hashes


def test_renewing_and_logging_out_is_no_event(anyone: APIClient, anna: uuid.UUID) -> None:
    token = log_in(anyone).json()["refresh"]
    before = published()
    refresh(anyone, token)
    anyone.post("/api/v1/auth/logout", {"refresh": token})
    assert published() == before


def test_a_use_case_needs_a_transaction() -> None:
    with pytest.raises(Exception, match="log_in needs an open transaction"):
        logins.log_in(email=EMAIL, password=PASSWORD, ip_address="", at=NOON)


def test_logging_out_everywhere_ends_each_login_of_the_caller_and_no_one_elses(
    anyone: APIClient, anna: uuid.UUID
) -> None:
    with transaction():
        accounts.register(
            user_id=new_id(), email="bo@example.com", password=PASSWORD, name="Bo", at=NOON
        )
    phone, laptop = log_in(anyone).json(), log_in(anyone).json()
    bos = log_in(anyone, email="bo@example.com").json()
    client = APIClient(headers={"Authorization": f"Bearer {phone['access']}"})
    for _ in range(2):
        assert client.post("/api/v1/auth/logout-everywhere").status_code == 204
    refused = [refresh(anyone, tokens["refresh"]) for tokens in (phone, laptop)]
    assert [answer.json()["code"] for answer in refused] == ["invalid_refresh_token"] * 2
    assert refresh(anyone, bos["refresh"]).status_code == 200
    assert log_in(anyone).status_code == 200


def test_logging_out_everywhere_needs_a_caller(anyone: APIClient, anna: uuid.UUID) -> None:
    token = log_in(anyone).json()["refresh"]
    assert anyone.post("/api/v1/auth/logout-everywhere").status_code == 401
    assert refresh(anyone, token).status_code == 200
