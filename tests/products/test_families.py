from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError
from rest_framework.test import APIClient

from apps.products import usecases
from apps.products.events import ProductCreated, ProductRejected, ProductUpdated
from apps.products.models import Availability, Family, Product
from kernel.bus.testing import published
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.products.conftest import LAMP, STATE, codes
from tests.products.plans import many, plan

pytestmark = pytest.mark.django_db
Made = Callable[..., uuid.UUID]
RED_M = {"colour": "red", "size": "M", "material": "wool"}


@pytest.fixture
def shirts(tree: None) -> uuid.UUID:
    """Make a family whose products differ by size and colour."""
    with transaction():
        family = usecases.create_family(
            family_id=new_id(),
            name="Shirt",
            description="Warm.",
            options=["size", "colour"],
            at=NOON,
        )
    return family.id


def test_an_administrator_makes_reads_lists_and_changes_a_family(
    admin: APIClient, anyone: APIClient
) -> None:
    body = {"name": "Shirt", "description": "Warm.", "options": ["size", "colour", "size"]}
    made = admin.post("/api/v1/families", body)
    url = made["Location"]
    shown = {**body, "id": url.split("/")[-1], "options": ["size", "colour"], "version": 1}
    assert (made.status_code, made["ETag"], made.json()) == (201, '"v1"', shown)
    assert anyone.get(url).json() == shown
    assert anyone.get(url, headers={"If-None-Match": '"v1"'}).status_code == 304
    changed = admin.patch(url, {"name": "Shirts"}, headers={"If-Match": '"v1"'})
    shown = {**shown, "name": "Shirts", "version": 2}
    assert (changed.status_code, changed["ETag"], changed.json()) == (200, '"v2"', shown)
    assert anyone.get("/api/v1/families").json() == {"results": [shown], "next": None}


def test_a_family_that_does_not_change_keeps_its_version(
    admin: APIClient, shirts: uuid.UUID
) -> None:
    url = f"/api/v1/families/{shirts}"
    answer = admin.patch(url, {"name": "Shirt"}, headers={"If-Match": '"v1"'})
    assert answer["ETag"] == '"v1"'


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        ({"name": "X"}, {}, 428, "precondition_required"),
        ({"name": "X"}, {"If-Match": '"v2"'}, 412, "precondition_failed"),
        ({"name": ""}, {"If-Match": '"v1"'}, 400, "invalid"),
        ({"options": ["size"]}, {"If-Match": '"v1"'}, 400, "invalid"),
    ],
)
def test_a_change_that_does_not_fit_is_refused(
    admin: APIClient,
    shirts: uuid.UUID,
    body: dict[str, Any],
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    answer = admin.patch(f"/api/v1/families/{shirts}", body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (Family.objects.get().name, published()) == ("Shirt", [])


@pytest.mark.parametrize(
    "change",
    [
        {"options": []},
        {"options": ["a", "b", "c", "d"]},
        {"options": ["Size"]},
        {"name": "x" * 201},
    ],
)
def test_a_family_that_is_not_good_is_refused(admin: APIClient, change: dict[str, Any]) -> None:
    answer = admin.post("/api/v1/families", {"name": "Shirt", "options": ["size"], **change})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert not Family.objects.exists()


def test_a_family_that_is_not_there_is_not_found(admin: APIClient) -> None:
    url = f"/api/v1/families/{new_id()}"
    for answer in (
        admin.get(url),
        admin.patch(url, {"name": "X"}, headers={"If-Match": '"v1"'}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "family_not_found")


def test_only_administrators_write(
    anyone: APIClient, client_for: Callable[..., APIClient], shirts: uuid.UUID
) -> None:
    body = {"name": "Shirt", "options": ["size"]}
    assert anyone.post("/api/v1/families", body).status_code == 401
    assert client_for("support").post("/api/v1/families", body).status_code == 403
    url = f"/api/v1/families/{shirts}"
    assert client_for().patch(url, {"name": "X"}, headers={"If-Match": '"v1"'}).status_code == 403


def test_a_product_joins_a_family_and_its_event_says_so(
    admin: APIClient, shirts: uuid.UUID
) -> None:
    body = {**LAMP, "family": str(shirts), "attributes": RED_M}
    answer = admin.post("/api/v1/products", body)
    assert answer.status_code == 201, answer.json()
    (event,) = published()
    assert isinstance(event, ProductCreated)
    assert event.product == STATE.model_copy(update={"family": shirts, "attributes": RED_M})
    assert Product.objects.get().options == {"colour": "red", "size": "M"}


def test_a_product_leaves_its_family(admin: APIClient, made: Made, shirts: uuid.UUID) -> None:
    url = f"/api/v1/products/{made('A', family=shirts, attributes=RED_M)}"
    answer = admin.patch(url, {"family": None}, headers={"If-Match": '"v1"'})
    assert (answer.status_code, "variants" in answer.json()) == (200, False)
    event = published()[-1]
    assert isinstance(event, ProductUpdated)
    assert (event.changed, event.new.family) == (("family",), None)


def test_a_product_shows_its_siblings_that_are_for_sale(
    anyone: APIClient, made: Made, shirts: uuid.UUID
) -> None:
    red = made("RED", family=shirts, attributes=RED_M)
    blue = made("BLUE", family=shirts, attributes={**RED_M, "colour": "blue"})
    made("HIDDEN", family=shirts, attributes={**RED_M, "size": "S"}, is_active=False)
    made("OTHER")
    Availability.note(product_id=blue, version=1, free=1)
    shown = anyone.get(f"/api/v1/products/{red}").json()
    each = {"name": "Reading lamp", "price": {"amount": 4990, "currency": "EUR"}}
    assert (shown["family"], shown["attributes"]) == (str(shirts), RED_M)
    assert shown["variants"] == {
        "name": "Shirt",
        "description": "Warm.",
        "options": ["size", "colour"],
        "products": [
            {
                "id": str(blue),
                "code": "BLUE",
                "options": {"colour": "blue", "size": "M"},
                "available": True,
                **each,
            },
            {
                "id": str(red),
                "code": "RED",
                "options": {"colour": "red", "size": "M"},
                "available": False,
                **each,
            },
        ],
    }


def test_a_known_version_is_shown_anew_when_a_sibling_or_the_family_changes(
    anyone: APIClient, admin: APIClient, made: Made, shirts: uuid.UUID
) -> None:
    url = f"/api/v1/products/{made('A', family=shirts, attributes=RED_M)}"
    sibling = made("B", family=shirts, attributes={**RED_M, "size": "S"})
    tags: list[str] = []

    def read() -> int:
        answer = anyone.get(url, headers={"If-None-Match": ", ".join(tags)})
        tags.append(answer["ETag"])
        return int(answer.status_code)

    assert (read(), read()) == (200, 304)
    Availability.note(product_id=sibling, version=1, free=1)
    assert (read(), read()) == (200, 304)
    family = f"/api/v1/families/{shirts}"
    admin.patch(family, {"name": "Jumper"}, headers={"If-Match": '"v1"'})
    assert (read(), read()) == (200, 304)
    other = f"/api/v1/products/{sibling}"
    admin.patch(other, {"name": "Jumper S"}, headers={"If-Match": '"v1"'})
    assert (read(), read()) == (200, 304)
    assert admin.patch(url, {"name": "X"}, headers={"If-Match": tags[-1]}).status_code == 200


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"attributes": {"colour": "red", "size": "M"}}, 409, "options_taken"),
        ({"attributes": {"colour": "red"}}, 422, "option_missing"),
        ({"family": "01890000-0000-7000-8000-000000000000"}, 422, "unknown_family"),
    ],
)
def test_what_does_not_fit_a_family_is_refused_and_the_attempt_told(
    admin: APIClient,
    made: Made,
    shirts: uuid.UUID,
    change: dict[str, Any],
    status: int,
    code: str,
) -> None:
    first = made("FIRST", family=shirts, attributes=RED_M)
    answer = admin.post("/api/v1/products", {**LAMP, "family": str(shirts), **change})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    event = published()[-1]
    assert isinstance(event, ProductRejected)
    assert (len(published()), event.code, event.reason) == (2, "LAMP-1", code)
    assert (event.product_id == first) is (code == "options_taken")
    assert Product.objects.count() == 1


def test_the_options_of_a_deleted_product_are_free_again(
    admin: APIClient, made: Made, shirts: uuid.UUID
) -> None:
    url = f"/api/v1/products/{made('A', family=shirts, attributes=RED_M)}"
    assert admin.delete(url, headers={"If-Match": '"v1"'}).status_code == 204
    made("B", family=shirts, attributes=RED_M)


def test_a_family_has_no_more_than_a_hundred_products(
    monkeypatch: pytest.MonkeyPatch, admin: APIClient, made: Made, shirts: uuid.UUID
) -> None:
    monkeypatch.setattr("apps.products.usecases.products.MAX_FAMILY", 2)
    for size in ("S", "M"):
        made(size, family=shirts, attributes={"size": size, "colour": "red"})
    body = {**LAMP, "family": str(shirts), "attributes": {"size": "L", "colour": "red"}}
    answer = admin.post("/api/v1/products", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "family_full")
    assert Product.objects.count() == 2


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"Colour": "red"}, "attributes.Colour"),
        ({"colour": ""}, "attributes.colour"),
        ({"colour": "x" * 101}, "attributes.colour"),
        ({"colour": ["red"]}, "attributes.colour"),
        ({f"a{number}": "x" for number in range(21)}, "attributes"),
        (["red"], "attributes"),
    ],
)
def test_attributes_that_are_not_good_are_refused(
    admin: APIClient, tree: None, attributes: Any, field: str
) -> None:
    answer = admin.post("/api/v1/products", {**LAMP, "attributes": attributes})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"options": None}, "products_product_family"),
        ({"family": None}, "products_product_family"),
        ({"options": {"size": "L", "colour": "red"}}, "products_product_family"),
        ({"attributes": ["size"], "family": None, "options": None}, "products_product_attributes"),
        ({"attributes": RED_M, "options": {"size": "M", "colour": "red"}}, "products_product_opt"),
    ],
)
def test_the_database_refuses_what_no_product_of_a_family_can_be(
    made: Made, shirts: uuid.UUID, change: dict[str, Any], constraint: str
) -> None:
    made("A", family=shirts, attributes=RED_M)
    product_id = made("B", family=shirts, attributes={**RED_M, "size": "S"})
    with pytest.raises(IntegrityError, match=constraint):
        Product.objects.filter(id=product_id).update(**change)


@pytest.mark.parametrize("options", [[], ["a", "b", "c", "d"]])
def test_the_database_refuses_a_family_of_no_or_too_many_options(
    db: None, options: list[str]
) -> None:
    with pytest.raises(IntegrityError, match="products_family_options"):
        Family.objects.create(name="X", options=options)


def test_a_product_of_a_family_takes_two_queries_however_large_it_is(
    anyone: APIClient,
    made: Made,
    shirts: uuid.UUID,
    django_assert_num_queries: Callable[..., Any],
) -> None:
    for number in range(50):
        attributes = {"size": str(number), "colour": "red"}
        product_id = made(f"P{number}", family=shirts, attributes=attributes)
        if number in {0, 49}:
            with django_assert_num_queries(2):
                answer = anyone.get(f"/api/v1/products/{product_id}")
            assert len(answer.json()["variants"]["products"]) == number + 1


def test_a_list_is_narrowed_by_attributes(anyone: APIClient, made: Made) -> None:
    made("RED-M", attributes={"colour": "red", "size": "M"})
    made("RED-L", attributes={"colour": "red", "size": "L"})
    made("BLUE", attributes={"colour": "blue", "size": "M"})
    made("NONE")
    assert codes(anyone, "?attr.colour=red") == ["RED-L", "RED-M"]
    assert codes(anyone, "?attr.colour=red&attr.size=M") == ["RED-M"]
    assert codes(anyone, "?attr.colour=red&attr.colour=blue&attr.size=M") == ["BLUE", "RED-M"]
    assert codes(anyone, "?attr.colour=Red") == []
    assert codes(anyone, "?attr.shape=round") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?attr.Colour=red", "attr.Colour"),
        ("?attr.=red", "attr."),
        ("?attr.colour=%00", "attr.colour"),
        ("?attr.colour=" + "x" * 101, "attr.colour"),
        ("?" + "&".join(["attr.colour=x"] * 6), "attr.colour"),
        ("?" + "&".join(f"attr.a{number}=x" for number in range(6)), "attr.a5"),
    ],
)
def test_an_attribute_that_nothing_has_is_refused_with_its_name(
    anyone: APIClient, tree: None, query: str, field: str
) -> None:
    answer = anyone.get(f"/api/v1/products{query}")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_attributes_have_their_index(anyone: APIClient, made: Made) -> None:
    made("A", attributes={"colour": "red"})
    many(3000)
    url = "/api/v1/products?attr.colour=red&attr.colour=blue&order=price"
    found = plan(anyone, url, without={"seqscan", "indexscan"})
    assert "Bitmap Index Scan on products_attributes" in found
