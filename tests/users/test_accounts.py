from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from apps.users.events import UserUpdated
from apps.users.models import ADMIN_RIGHTS, User
from apps.users.usecases import accounts
from kernel.bus.testing import published
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.conftest import NOON

pytestmark = pytest.mark.django_db
Clients = Callable[..., APIClient]


@pytest.fixture
def anna() -> uuid.UUID:
    return User.objects.create(email="anna@example.com", name="Anna", created_at=NOON).id


def updated(user_id: uuid.UUID, **fields: object) -> UserUpdated:
    known = {"version": 2, "email": "anna@example.com", "name_of_user": "Anna", **fields}
    return UserUpdated(occurred_at=NOON, user_id=user_id, **known)  # type: ignore[arg-type]


def test_one_reads_ones_own_account(client_for: Clients, anna: uuid.UUID) -> None:
    client = client_for(user_id=anna)
    answer = client.get("/api/v1/users/me")
    assert answer.json() == {
        "id": str(anna),
        "email": "anna@example.com",
        "name": "Anna",
        "is_email_verified": False,
        "roles": [],
        "version": 1,
        "created_at": "2026-03-01T12:00:00Z",
    }
    again = client.get("/api/v1/users/me", headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_an_account_is_read_with_two_queries(
    client_for: Clients, anna: uuid.UUID, django_assert_num_queries: Callable[..., object]
) -> None:
    client = client_for(user_id=anna)
    with django_assert_num_queries(2):  # type: ignore[attr-defined]
        client.get("/api/v1/users/me")


def test_without_a_token_there_is_no_account(anyone: APIClient) -> None:
    answer = anyone.get("/api/v1/users/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_an_account_that_is_not_there_or_closed_is_not_found(
    client_for: Clients, anna: uuid.UUID
) -> None:
    with transaction():
        accounts.deactivate(user_id=anna, at=NOON)
    for client in (client_for(), client_for(user_id=anna)):
        read = client.get("/api/v1/users/me")
        changed = client.patch("/api/v1/users/me", {"name": "A"}, headers={"If-Match": '"v2"'})
        assert {read.json()["code"], changed.json()["code"]} == {"user_not_found"}


def test_a_new_name_is_told_whole(client_for: Clients, anna: uuid.UUID) -> None:
    client = client_for(user_id=anna)
    answer = client.patch("/api/v1/users/me", {"name": "Anna Ek"}, headers={"If-Match": '"v1"'})
    assert (answer.status_code, answer["ETag"], answer.json()["name"]) == (200, '"v2"', "Anna Ek")
    (event,) = published()
    expected = updated(anna, name_of_user="Anna Ek", changed=("name",))
    assert event == expected.model_copy(update={"occurred_at": event.occurred_at})


def test_the_same_name_changes_nothing(client_for: Clients, anna: uuid.UUID) -> None:
    client = client_for(user_id=anna)
    answer = client.patch("/api/v1/users/me", {"name": "Anna"}, headers={"If-Match": '"v1"'})
    assert (answer.status_code, answer["ETag"], published()) == (200, '"v1"', [])


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({}, {"name": "B"}, 428, "precondition_required"),
        ({"If-Match": '"v7"'}, {"name": "B"}, 412, "precondition_failed"),
        ({"If-Match": '"v1"'}, {"name": "B" * 201}, 400, "invalid"),
        ({"If-Match": '"v1"'}, {"email": "new@example.com", "name": "B"}, 400, "invalid"),
    ],
)
def test_a_change_that_is_refused_changes_nothing(
    client_for: Clients,
    anna: uuid.UUID,
    headers: dict[str, str],
    body: dict[str, str],
    status: int,
    code: str,
) -> None:
    answer = client_for(user_id=anna).patch("/api/v1/users/me", body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (User.objects.get().name, published()) == ("Anna", [])


def test_roles_are_groups_and_told(anna: uuid.UUID) -> None:
    with transaction():
        accounts.set_roles(user_id=anna, roles=["warehouse", "delivery"], at=NOON)
    user = User.objects.get()
    assert (user.roles, user.is_staff, user.is_superuser) == (
        ("delivery", "warehouse"),
        True,
        False,
    )
    assert set(Group.objects.values_list("name", flat=True)) == {"delivery", "warehouse"}
    assert published() == [updated(anna, roles=("delivery", "warehouse"), changed=("roles",))]


def test_an_administrator_is_a_superuser_until_the_role_is_taken(anna: uuid.UUID) -> None:
    with transaction():
        accounts.set_roles(user_id=anna, roles=["admin"], at=NOON)
    user = User.objects.get()
    assert (user.roles, user.is_staff, user.is_superuser) == (("admin",), True, True)
    with transaction():
        accounts.set_roles(user_id=anna, roles=[], at=NOON)
    user = User.objects.get()
    assert (user.roles, user.is_staff, user.is_superuser) == ((), False, False)
    assert published() == [
        updated(anna, roles=("admin",), changed=("roles",)),
        updated(anna, version=3, roles=(), changed=("roles",)),
    ]


def test_a_superuser_of_djangos_command_is_an_administrator() -> None:
    user = User.objects.create_superuser("Root@Example.com", "secret", name="Root")
    assert (user.email, user.roles) == ("root@example.com", ("admin",))


def test_a_role_that_is_none_is_a_bug(anna: uuid.UUID) -> None:
    with pytest.raises(ValueError, match="emperor"), transaction():
        accounts.set_roles(user_id=anna, roles=["emperor"], at=NOON)
    assert published() == []


def test_the_same_roles_are_no_event(anna: uuid.UUID) -> None:
    with transaction():
        accounts.set_roles(user_id=anna, roles=[], at=NOON)
    assert published() == []


def test_closing_an_account_is_told(anna: uuid.UUID) -> None:
    with transaction():
        accounts.deactivate(user_id=anna, at=NOON)
    assert published() == [updated(anna, is_active=False, changed=("is_active",))]


def test_roles_of_an_account_that_is_not_there_are_refused() -> None:
    with pytest.raises(accounts.UserNotFound), transaction():
        accounts.set_roles(user_id=new_id(), roles=["support"], at=NOON)
    assert published() == []


@pytest.mark.parametrize("role", ["warehouse", "delivery", "support"])
def test_a_role_opens_its_part_of_the_admin_and_no_other(anna: uuid.UUID, role: str) -> None:
    with transaction():
        accounts.set_roles(user_id=anna, roles=[role], at=NOON)
    user = User.objects.get()
    seen = {app for app in (*ADMIN_RIGHTS["support"], "auth") if user.has_module_perms(app)}
    assert seen == set(ADMIN_RIGHTS[role])
    assert user.has_perm("products.view_product") == ("products" in seen)
    assert not user.has_perm("users.change_user")
    assert not user.has_perm("auth.change_group")


def test_a_closed_account_may_nothing_in_the_admin() -> None:
    user = User(email="root@example.com", is_superuser=True, is_active=False)
    assert not user.has_module_perms("users")
    assert not user.has_perms(["users.view_user"])
    assert User(email="r@example.com", is_superuser=True).has_perms(["users.view_user"])
