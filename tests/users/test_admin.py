from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from apps.users.events import UserRegistered, UserUpdated
from apps.users.models import Letter, LoginAttempts, RefreshToken, User
from kernel.bus.testing import published
from kernel.ids import new_id
from tests.conftest import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.com", "secret", name="Root"))
    return client


@pytest.fixture
def anna() -> User:
    user = User.objects.create(email="anna@example.com", name="Anna", created_at=NOON)
    RefreshToken.objects.create(
        user=user, family_id=new_id(), token_hash="h", created_at=NOON, expires_at=NOON
    )
    return user


def test_one_logs_in_to_the_admin_with_the_e_mail_address() -> None:
    User.objects.create_superuser("root@example.com", "secret", name="Root")
    client = Client()
    form = {"username": "Root@Example.com", "password": "secret"}
    assert client.post("/admin/login/", form)["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_ten_failures_lock_out_of_the_admin_and_of_the_api(
    anyone: APIClient, cheap_hashes: None
) -> None:
    User.objects.create_superuser("root@example.com", "secret", name="Root")
    form = {"username": "root@example.com", "password": "wrong"}
    good = {**form, "password": "secret"}
    body = {"email": "root@example.com", "password": "secret"}
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(10):
            assert (
                "Please enter the correct" in Client().post("/admin/login/", form).content.decode()
            )
        clock.shift(dt.timedelta(seconds=30))
        answer = Client().post("/admin/login/", good)
        assert (answer.status_code, answer["Retry-After"]) == (429, "870")
        assert "Too many failed logins. Wait for 15 minutes." in answer.content.decode()
        assert anyone.post("/api/v1/auth/token", body).status_code == 429
        clock.shift(dt.timedelta(minutes=15))
        assert Client().post("/admin/login/", good).status_code == 302
        assert LoginAttempts.objects.count() == 0


def test_every_list_and_page_shows(admin: Client, anna: User) -> None:
    LoginAttempts.objects.create(key="k", attempts=1, started_at=NOON)
    letter = Letter.objects.create(
        kind="verify_email", email="a@example.com", created_at=NOON, expires_at=NOON
    )
    for model in ("user", "refreshtoken", "loginattempts", "letter"):
        answer = admin.get(reverse(f"admin:users_{model}_changelist"), {"q": "a"})
        assert answer.status_code == 200
    token = RefreshToken.objects.get()
    pages = [
        ("user", anna.pk),
        ("refreshtoken", token.pk),
        ("loginattempts", "k"),
        ("letter", letter.pk),
    ]
    for model, pk in pages:
        assert admin.get(reverse(f"admin:users_{model}_change", args=[pk])).status_code == 200
    assert admin.get(reverse("admin:users_user_add")).status_code == 200


def test_the_admin_gives_roles_through_the_use_case(admin: Client, anna: User) -> None:
    url = reverse("admin:users_user_change", args=[anna.pk])
    form = {"name": "Anna Ek", "is_active": "on", "version": 1, "roles": ["support"]}
    form |= {"refresh_tokens-TOTAL_FORMS": 0, "refresh_tokens-INITIAL_FORMS": 0}
    assert admin.post(url, form).status_code == 302
    (event,) = published()
    assert event == UserUpdated(
        occurred_at=event.occurred_at,
        user_id=anna.id,
        version=2,
        email="anna@example.com",
        name_of_user="Anna Ek",
        roles=("support",),
        changed=("name", "roles"),
    )
    answer = admin.post(url, form, follow=True)  # the page was opened before the first save
    assert "Someone changed this" in answer.content.decode()
    assert published() == [event]


def test_the_admin_opens_an_account_through_the_use_case(admin: Client) -> None:
    password = "correct horse battery"
    form = {"email": "Bo@Example.com", "name": "Bo", "password1": password, "password2": password}
    assert admin.post(reverse("admin:users_user_add"), form).status_code == 302
    user = User.objects.get(email="bo@example.com")
    assert user.check_password(password)
    assert published(UserRegistered) == [
        UserRegistered(
            occurred_at=user.created_at,
            user_id=user.id,
            version=1,
            email="bo@example.com",
            name_of_user="Bo",
        )
    ]


def test_the_admin_gives_a_new_password(admin: Client, anna: User) -> None:
    url = reverse("admin:auth_user_password_change", args=[anna.pk])
    assert admin.get(url).status_code == 200
    password = "another good password"
    form = {"password1": password, "password2": password, "usable_password": "true"}
    assert admin.post(url, form).status_code == 302
    anna.refresh_from_db()
    assert anna.check_password(password)


def test_the_admin_closes_accounts(admin: Client, anna: User) -> None:
    form = {"action": "deactivate", "_selected_action": [str(anna.pk)]}
    assert admin.post(reverse("admin:users_user_changelist"), form).status_code == 302
    anna.refresh_from_db()
    assert not anna.is_active
    assert len(published()) == 1


def test_support_sees_accounts_but_changes_none(anna: User) -> None:
    anna.take_roles(["support"])
    anna.save()
    client = Client()
    client.force_login(anna)
    url = reverse("admin:users_user_change", args=[anna.pk])
    assert client.get(url).status_code == 200
    form = {"name": "A", "version": 1, "roles": ["admin"]}
    assert client.post(url, form).status_code == 403
    action = {"action": "deactivate", "_selected_action": [str(anna.pk)]}
    client.post(reverse("admin:users_user_changelist"), action)
    anna.refresh_from_db()
    assert (anna.is_active, anna.is_superuser) == (True, False)
    assert published() == []


def test_customers_do_not_enter(anna: User) -> None:
    client = Client()
    client.force_login(anna)
    assert client.get("/admin/").status_code == 302
