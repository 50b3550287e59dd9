from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError
from rest_framework.test import APIClient

from apps.products import usecases
from apps.products.events import (
    Package,
    ProductCreated,
    ProductDeleted,
    ProductRejected,
    ProductUpdated,
)
from apps.products.models import Product
from kernel.bus.event import Event
from kernel.bus.testing import envelopes, published
from kernel.ids import new_id
from kernel.money import Money
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.products.conftest import LAMP, STATE

pytestmark = pytest.mark.django_db
Made = Callable[..., uuid.UUID]


def at_noon(event: Event) -> Event:
    return event.model_copy(update={"occurred_at": NOON})


def later(since: int) -> list[Event]:
    return [at_noon(event) for event in published()[since:]]


def test_an_administrator_adds_a_product_and_all_of_it_is_told(
    admin: APIClient, tree: None
) -> None:
    answer = admin.post("/api/v1/products", LAMP)
    product_id = uuid.UUID(answer.json()["id"])
    assert (answer.status_code, answer["ETag"], answer["Location"]) == (
        201,
        '"v1-soldout"',
        f"/api/v1/products/{product_id}",
    )
    assert answer.json() == {
        **LAMP,
        "id": str(product_id),
        "pictures": [],
        "available": False,
        "version": 1,
    }
    assert later(0) == [
        ProductCreated(occurred_at=NOON, product_id=product_id, version=1, product=STATE)
    ]
    assert envelopes()[0].actor == f"staff:{admin.user_id}"  # type: ignore[attr-defined]


def test_codes_are_kept_in_capitals_and_tags_in_lower_case_each_once(
    admin: APIClient, tree: None
) -> None:
    body = {**LAMP, "code": " lamp-1 ", "tags": ["Warm ", "warm", "BRASS"]}
    answer = admin.post("/api/v1/products", body).json()
    assert (answer["code"], answer["tags"]) == ("LAMP-1", ["warm", "brass"])


def test_what_may_be_left_out_may_be_left_out(admin: APIClient, tree: None) -> None:
    optional = ("description", "model", "tags", "is_active", "tax_class")
    body = {name: value for name, value in LAMP.items() if name not in optional}
    answer = admin.post("/api/v1/products", body).json()
    assert [answer[name] for name in optional] == ["", "", [], True, "standard"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"code": "\u017f1"}, "code"),
        ({"code": "A" * 41}, "code"),
        ({"code": "A B"}, "code"),
        ({"name": ""}, "name"),
        ({"tags": ["x"] * 21}, "tags"),
        ({"tags": ["x", "a|b"]}, "tags.1"),
        ({"tags": ["x" * 41]}, "tags.0"),
        ({"package": {"width": 0, "length": 1, "height": 1, "weight": 1}}, "package.width"),
        ({"package": {"width": 1}}, "package.length"),
        ({"price": {"amount": -1, "currency": "EUR"}}, "price.amount"),
        ({"price": {"amount": 10**13, "currency": "EUR"}}, "price.amount"),
        ({"price": {"amount": 1.5, "currency": "EUR"}}, "price.amount"),
        ({"price": {"amount": 1, "currency": "euro"}}, "price.currency"),
        ({"tax_class": "luxury"}, "tax_class"),
        ({"available": True}, "available"),
    ],
)
def test_a_body_that_is_not_good_is_refused_with_its_field(
    admin: APIClient, tree: None, change: dict[str, Any], field: str
) -> None:
    answer = admin.post("/api/v1/products", {**LAMP, **change})
    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert (Product.objects.count(), published()) == (0, [])


def test_a_taken_code_is_refused_and_the_attempt_told(admin: APIClient, made: Made) -> None:
    first = made("LAMP-1")
    answer = admin.post("/api/v1/products", {**LAMP, "code": "lamp-1"})
    assert (answer.status_code, answer.json()["code"]) == (409, "code_taken")
    assert later(1) == [
        ProductRejected(occurred_at=NOON, product_id=first, code="LAMP-1", reason="code_taken")
    ]
    assert envelopes()[1].actor == f"staff:{admin.user_id}"  # type: ignore[attr-defined]
    assert Product.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"category": "nowhere"}, "unknown_category"),
        ({"price": {"amount": 1, "currency": "USD"}}, "currency_not_sold"),
    ],
)
def test_what_the_catalogue_cannot_hold_is_refused_and_the_attempt_told(
    admin: APIClient, made: Made, change: dict[str, Any], code: str
) -> None:
    answer = admin.post("/api/v1/products", {**LAMP, **change})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    product_id = made("OTHER")
    changed = admin.patch(
        f"/api/v1/products/{product_id}", change, headers={"If-Match": '"v1-soldout"'}
    )
    assert (changed.status_code, changed.json()["code"]) == (422, code)
    rejections = [event for event in later(0) if isinstance(event, ProductRejected)]
    assert [(event.code, event.reason) for event in rejections] == [
        ("LAMP-1", code),
        ("OTHER", code),
    ]
    assert rejections[1].product_id == product_id


def test_the_same_idempotency_key_adds_one_product(admin: APIClient, tree: None) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = admin.post("/api/v1/products", LAMP, headers=headers)
    second = admin.post("/api/v1/products", LAMP, headers=headers)
    assert (second.json(), second["Idempotent-Replayed"]) == (first.json(), "true")
    assert len(published()) == 1


def test_a_change_is_told_with_old_and_new_and_what_differs(admin: APIClient, made: Made) -> None:
    product_id = made("LAMP-1")
    change = {"price": {"amount": 3990, "currency": "EUR"}, "is_active": False, "code": "LAMP-1"}
    answer = admin.patch(
        f"/api/v1/products/{product_id}", change, headers={"If-Match": '"v1-available"'}
    )
    assert (answer.status_code, answer["ETag"]) == (200, '"v2-soldout"')
    new = STATE.model_copy(update={"price": Money(amount=3990, currency="EUR"), "is_active": False})
    assert later(1) == [
        ProductUpdated(
            occurred_at=NOON,
            product_id=product_id,
            version=2,
            old=STATE,
            new=new,
            changed=("price", "is_active"),
        )
    ]


def test_a_product_is_replaced_whole(admin: APIClient, made: Made) -> None:
    product_id = made("OLD", description="Old", tags=("old",))
    body = {name: value for name, value in LAMP.items() if name not in {"description", "tags"}}
    body |= {"category": "chairs", "package": {"width": 1, "length": 2, "height": 3, "weight": 4}}
    answer = admin.put(f"/api/v1/products/{product_id}", body, headers={"If-Match": '"v1"'})
    assert answer.json() == {
        **body,
        "id": str(product_id),
        "description": "",
        "tags": [],
        "pictures": [],
        "available": False,
        "version": 2,
    }
    (event,) = later(1)
    assert isinstance(event, ProductUpdated)
    assert event.new.package == Package(width=1, length=2, height=3, weight=4)
    assert event.changed == ("code", "description", "category", "tags", "package")


def test_a_change_to_what_is_there_already_is_none(admin: APIClient, made: Made) -> None:
    product_id = made("LAMP-1")
    answer = admin.put(f"/api/v1/products/{product_id}", LAMP, headers={"If-Match": '"v1"'})
    assert (answer.status_code, answer.json()["version"], len(published())) == (200, 1, 1)


def test_a_change_to_a_taken_code_is_refused_and_told(admin: APIClient, made: Made) -> None:
    taken, product_id = made("TAKEN"), made("LAMP-1")
    url = f"/api/v1/products/{product_id}"
    answer = admin.patch(url, {"code": "taken"}, headers={"If-Match": '"v1"'})
    assert (answer.status_code, answer.json()["code"]) == (409, "code_taken")
    assert later(2) == [
        ProductRejected(occurred_at=NOON, product_id=taken, code="TAKEN", reason="code_taken")
    ]
    assert Product.objects.get(id=product_id).version == 1


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 428, "precondition_required"),
        ({"If-Match": '"v2"'}, 412, "precondition_failed"),
        ({"If-Match": "*"}, 412, "precondition_failed"),
    ],
)
def test_a_change_needs_the_version_that_was_read(
    admin: APIClient, made: Made, method: str, headers: dict[str, str], status: int, code: str
) -> None:
    product_id = made("OLD")
    url = f"/api/v1/products/{product_id}"
    answer = getattr(admin, method)(url, LAMP, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (Product.objects.get().code, len(published())) == ("OLD", 1)


def test_a_deleted_product_is_gone_and_its_code_free(admin: APIClient, made: Made) -> None:
    product_id = made("LAMP-1")
    url = f"/api/v1/products/{product_id}"
    assert admin.delete(url, headers={"If-Match": '"v1-soldout"'}).status_code == 204
    assert later(1) == [ProductDeleted(occurred_at=NOON, product_id=product_id, version=2)]
    for answer in (
        admin.get(url),
        admin.patch(url, {"name": "x"}, headers={"If-Match": '"v2"'}),
        admin.delete(url, headers={"If-Match": '"v2"'}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "product_not_found")
    assert admin.post("/api/v1/products", LAMP).status_code == 201
    assert len(admin.get("/api/v1/products").json()["results"]) == 1


@pytest.mark.parametrize("role", [None, "customer", "warehouse", "delivery", "support"])
def test_only_administrators_write(
    client_for: Callable[..., APIClient], anyone: APIClient, made: Made, role: str | None
) -> None:
    roles = () if role == "customer" else (role,)
    client = client_for(*roles) if role else anyone
    url = f"/api/v1/products/{made('LAMP-1')}"
    answers = [
        client.post("/api/v1/products", LAMP),
        client.put(url, LAMP, headers={"If-Match": '"v1"'}),
        client.patch(url, {}, headers={"If-Match": '"v1"'}),
        client.delete(url, headers={"If-Match": '"v1"'}),
        client.post(f"{url}/pictures", {}, format="multipart"),
        client.post("/api/v1/categories", {"slug": "x", "name": "X"}),
        client.get("/api/v1/products?is_active=false"),
    ]
    assert {answer.status_code for answer in answers} == {403 if role else 401}
    assert len(published()) == 1


def test_sixty_products_are_made_in_one_transaction(tree: None) -> None:
    with transaction():
        for number in range(60):
            state = STATE.model_copy(update={"code": f"P-{number}"})
            usecases.create_product(product_id=new_id(), product=state, at=NOON)
    assert (Product.objects.count(), len(published())) == (60, 60)


def test_a_refused_product_leaves_the_rest_of_its_transaction_standing(tree: None) -> None:
    with transaction():
        usecases.create_product(product_id=new_id(), product=STATE, at=NOON)
        with pytest.raises(usecases.CodeTaken):
            usecases.create_product(product_id=new_id(), product=STATE, at=NOON)
    assert Product.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"code": "lower"}, "products_product_code_form"),
        ({"price_amount": -1}, "products_product_price"),
        ({"price_currency": "eur"}, "products_product_price"),
        ({"tax_class": "luxury"}, "products_product_tax_class"),
        ({"width": 0}, "products_product_package"),
        ({"weight": 0}, "products_product_package"),
        ({"deleted_at": NOON}, "products_product_deleted"),
        ({"code": "TAKEN"}, "products_product_code"),
    ],
)
def test_the_database_refuses_what_no_product_can_be(
    made: Made, change: dict[str, Any], constraint: str
) -> None:
    made("TAKEN")
    product_id = made("LAMP-1")
    with pytest.raises(IntegrityError, match=constraint):
        Product.objects.filter(id=product_id).update(**change)
