from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError
from rest_framework.test import APIClient

from apps.users.models import SavedAddress, User
from apps.users.usecases import accounts
from kernel.bus.testing import published
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.conftest import NOON

pytestmark = pytest.mark.django_db
Clients = Callable[..., APIClient]
BOOK = "/api/v1/users/me/addresses"
HOME = {
    "name": "Anna Ek",
    "company_name": "",
    "street_address": "Storgatan 1",
    "post_code": "111 22",
    "city": "Stockholm",
    "state": "",
    "country": "SE",
    "phone_number": "+46701234567",
}


@pytest.fixture
def anna(client_for: Clients) -> APIClient:
    user = User.objects.create(email="anna@example.com", name="Anna", created_at=NOON)
    return client_for(user_id=user.id)


def keep(client: APIClient, **fields: Any) -> Any:
    return client.post(BOOK, {"address": HOME, **fields})


def defaults() -> list[tuple[str, bool, bool, int]]:
    names = ("label", "is_default_shipping", "is_default_billing", "version")
    return list(SavedAddress.objects.order_by("id").values_list(*names))


def test_an_address_is_kept_and_read(anna: APIClient) -> None:
    answer = keep(anna, label="Home")
    assert (answer.status_code, answer["ETag"]) == (201, '"v1"')
    body = answer.json()
    assert body == {
        "id": body["id"],
        "label": "Home",
        "address": HOME,
        "is_default_shipping": True,
        "is_default_billing": True,
        "version": 1,
        "created_at": body["created_at"],
    }
    read = anna.get(answer["Location"])
    assert (read.json(), read["ETag"]) == (body, '"v1"')
    assert anna.get(answer["Location"], headers={"If-None-Match": '"v1"'}).status_code == 304
    assert published() == []


def test_the_first_is_the_default_and_a_later_one_takes_its_place(anna: APIClient) -> None:
    keep(anna, label="Home")
    keep(anna, label="Work")
    keep(anna, label="Cabin", is_default_shipping=True)
    assert defaults() == [
        ("Home", False, True, 2),
        ("Work", False, False, 1),
        ("Cabin", True, False, 1),
    ]


def test_the_database_knows_one_default_of_each_kind(anna: APIClient) -> None:
    keep(anna)
    keep(anna)
    for field in ("is_default_shipping", "is_default_billing"):
        with pytest.raises(IntegrityError, match="users_address_one"), transaction():
            SavedAddress.objects.update(**{field: True})


def test_changing_keeps_what_is_left_out_and_replacing_does_not(anna: APIClient) -> None:
    where = keep(anna, label="Home")["Location"]
    moved = {**HOME, "street_address": "Storgatan 2"}
    answer = anna.patch(where, {"address": moved}, headers={"If-Match": '"v1"'})
    assert (answer.status_code, answer["ETag"], answer.json()["label"]) == (200, '"v2"', "Home")
    assert (answer.json()["address"], answer.json()["is_default_billing"]) == (moved, True)
    answer = anna.put(where, {"address": HOME}, headers={"If-Match": '"v2"'})
    assert answer.json()["address"] == HOME
    assert defaults() == [("", False, False, 3)]


def test_removing_forgets_the_address_and_makes_no_other_the_default(anna: APIClient) -> None:
    where = keep(anna, label="Home")["Location"]
    keep(anna, label="Work")
    assert anna.delete(where, headers={"If-Match": '"v1"'}).status_code == 204
    assert anna.get(where).json()["code"] == "address_not_found"
    assert defaults() == [("Work", False, False, 1)]


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize(
    ("headers", "status"), [({}, 428), ({"If-Match": '"v7"'}, 412)], ids=["none", "stale"]
)
def test_a_change_of_something_else_than_was_read_is_refused(
    anna: APIClient, method: str, headers: dict[str, str], status: int
) -> None:
    where = keep(anna)["Location"]
    before = SavedAddress.objects.values().get()
    answer = getattr(anna, method)(where, {"address": HOME, "label": "X"}, headers=headers)
    assert (answer.status_code, SavedAddress.objects.values().get()) == (status, before)


def test_anothers_addresses_are_not_there(anna: APIClient, client_for: Clients) -> None:
    where = keep(anna)["Location"]
    bo = client_for(
        user_id=User.objects.create(email="bo@example.com", name="Bo", created_at=NOON).id
    )
    tag = {"If-Match": '"v1"'}
    answers = [bo.get(where), bo.patch(where, {"label": "X"}, headers=tag)]
    answers.append(bo.delete(where, headers=tag))
    assert [answer.json()["code"] for answer in answers] == ["address_not_found"] * 3
    assert (bo.get(BOOK).json()["results"], SavedAddress.objects.count()) == ([], 1)


def test_the_book_has_twenty_pages(anna: APIClient) -> None:
    for _ in range(20):
        assert keep(anna).status_code == 201
    answer = keep(anna)
    assert (answer.status_code, answer.json()["code"], answer.json()["most"]) == (
        409,
        "too_many_addresses",
        20,
    )
    assert SavedAddress.objects.count() == 20


def test_a_list_is_read_page_by_page_with_one_query(
    anna: APIClient, django_assert_num_queries: Any
) -> None:
    for label in "abc":
        keep(anna, label=label)
    with django_assert_num_queries(1):
        first = anna.get(BOOK, {"limit": 2}).json()
    second = anna.get(first["next"]).json()
    labels = [row["label"] for row in first["results"] + second["results"]]
    assert (labels, second["next"]) == (["c", "b", "a"], None)


def test_an_account_that_is_closed_or_not_there_keeps_nothing(
    anna: APIClient, client_for: Clients
) -> None:
    where = keep(anna)["Location"]
    with transaction():
        accounts.deactivate(user_id=User.objects.get().id, at=NOON)
    answers = [keep(anna), keep(client_for())]
    answers.append(anna.patch(where, {"label": "X"}, headers={"If-Match": '"v1"'}))
    assert [answer.json()["code"] for answer in answers] == ["user_not_found"] * 3
    assert SavedAddress.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "address"),
        ({"address": {**HOME, "country": "XX"}}, "address.country"),
        ({"address": HOME, "label": "x" * 51}, "label"),
        ({"address": HOME, "is_default": True}, "is_default"),
    ],
)
def test_a_body_that_is_not_good_is_refused_with_its_field(
    anna: APIClient, body: dict[str, Any], field: str
) -> None:
    answer = anna.post(BOOK, body)
    assert (answer.status_code, [e["field"] for e in answer.json()["errors"]]) == (400, [field])
    assert SavedAddress.objects.count() == 0


def test_the_same_request_twice_keeps_one(anna: APIClient) -> None:
    headers = {"Idempotency-Key": str(new_id())}
    first = anna.post(BOOK, {"address": HOME}, headers=headers)
    second = anna.post(BOOK, {"address": HOME}, headers=headers)
    assert (first.json(), SavedAddress.objects.count()) == (second.json(), 1)


def test_no_one_reads_a_book_without_a_token(anyone: APIClient) -> None:
    assert anyone.get(BOOK).status_code == 401
    assert anyone.get(f"{BOOK}/{uuid.UUID(int=1)}").status_code == 401
