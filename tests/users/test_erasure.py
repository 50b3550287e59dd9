from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError
from rest_framework.test import APIClient

from apps.users.events import UserErased, UserRegistered
from apps.users.models import Letter, RefreshToken, SavedAddress, User
from apps.users.usecases import accounts
from kernel.bus.models import PersonKey
from kernel.bus.testing import published
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.users.conftest import EMAIL, PASSWORD
from tests.users.mails import tokens
from tests.users.test_addresses import BOOK, HOME

pytestmark = pytest.mark.django_db
Clients = Callable[..., APIClient]
ME = "/api/v1/users/me"


def erase(client: APIClient, tag: str = '"v1"') -> Any:
    return client.delete(ME, headers={"If-Match": tag})


def log_in(client: APIClient) -> Any:
    return client.post("/api/v1/auth/token", {"email": EMAIL, "password": PASSWORD})


def test_leaves_an_account_that_tells_nothing(
    client_for: Clients, anyone: APIClient, registered: uuid.UUID
) -> None:
    client = client_for(user_id=registered)
    client.post(BOOK, {"address": HOME})
    held = log_in(anyone).json()["refresh"]
    kind = ContentType.objects.get_for_model(User)
    LogEntry.objects.create(
        user_id=registered,
        content_type=kind,
        object_id=str(registered),
        object_repr=EMAIL,
        action_flag=CHANGE,
    )
    before = len(published())

    assert erase(client).status_code == 204

    user = User.objects.get()
    assert (user.email, user.name, user.is_active, user.version) == (
        f"{registered}@erased.invalid",
        "",
        False,
        2,
    )
    assert (user.last_login, user.email_verified_at, user.erased_at) == (None, None, NOON)
    assert not user.has_usable_password()
    left = [each.objects.count() for each in (SavedAddress, Letter, RefreshToken)]
    assert (left, LogEntry.objects.get().object_repr) == ([0, 0, 0], str(registered))
    assert published()[before:] == [UserErased(occurred_at=NOON, user_id=registered, version=2)]
    refreshed = anyone.post("/api/v1/auth/token/refresh", {"refresh": held})
    assert (refreshed.status_code, log_in(anyone).status_code) == (401, 401)
    assert client.get(ME).json()["code"] == "user_not_found"


def test_destroys_the_key_without_which_the_log_tells_nothing(
    client_for: Clients, registered: uuid.UUID
) -> None:
    erase(client_for(user_id=registered))
    key = PersonKey.objects.get(person_id=registered)
    assert (key.key, key.erased_at) == (None, NOON)
    (event,) = published(UserRegistered)
    assert isinstance(event, UserRegistered)
    assert (event.email, event.name_of_user) == (None, None)


def test_frees_the_address_for_an_account_that_old_links_do_not_open(
    client_for: Clients, anyone: APIClient, registered: uuid.UUID
) -> None:
    (old,) = tokens()
    erase(client_for(user_id=registered))
    again = {"email": EMAIL, "password": PASSWORD, "name": "Anna"}
    assert anyone.post("/api/v1/users", again).status_code == 201
    answer = anyone.post("/api/v1/auth/verify-email", {"token": old})
    assert answer.json()["code"] == "link_not_valid"
    assert log_in(anyone).status_code == 200
    assert User.objects.filter(email=EMAIL).exclude(id=registered).count() == 1


def test_of_an_account_with_roles_is_refused(client_for: Clients, registered: uuid.UUID) -> None:
    with transaction():
        accounts.set_roles(user_id=registered, roles=["support"], at=NOON)
    before = published()
    answer = erase(client_for("support", user_id=registered), '"v2"')
    assert (answer.status_code, answer.json()["code"]) == (409, "staff_not_erasable")
    assert (published(), User.objects.get().email) == (before, EMAIL)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 428, "precondition_required"),
        ({"If-Match": '"v7"'}, 412, "precondition_failed"),
    ],
)
def test_of_something_else_than_was_read_is_refused(
    client_for: Clients, registered: uuid.UUID, headers: dict[str, str], status: int, code: str
) -> None:
    before = published()
    answer = client_for(user_id=registered).delete(ME, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (published(), User.objects.get().email) == (before, EMAIL)


def test_twice_is_not_found(client_for: Clients, registered: uuid.UUID) -> None:
    client = client_for(user_id=registered)
    erase(client)
    before = published()
    answer = erase(client, '"v2"')
    assert (answer.json()["code"], published()) == ("user_not_found", before)


def test_is_all_or_nothing_for_the_database_too(registered: uuid.UUID) -> None:
    with pytest.raises(IntegrityError, match="users_user_erased"), transaction():
        User.objects.update(erased_at=NOON)
