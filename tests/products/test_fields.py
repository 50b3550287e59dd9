"""`?fields=` of products: less is shown, and less is read."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.products.api.bodies import ProductOutput
from apps.products.api.variants import OneProductOutput

pytestmark = pytest.mark.django_db
URL = "/api/v1/products"
Made = Callable[..., uuid.UUID]


@pytest.mark.parametrize("order", ["-created", "price", "name"])
@pytest.mark.parametrize("name", sorted(ProductOutput().fields))
def test_each_field_is_the_same_alone_as_among_the_others(
    anyone: APIClient, made: Made, name: str, order: str
) -> None:
    made("LAMP-1")
    whole = anyone.get(URL, {"order": order}).json()["results"]
    alone = anyone.get(URL, {"order": order, "fields": name}).json()["results"]

    assert len(alone) == 1
    assert alone == [{key: value for key, value in each.items() if key == name} for each in whole]


@pytest.mark.parametrize("fields", ["id", "highlight", "name,highlight,price"])
def test_what_is_searched_for_may_be_shown_in_part(
    anyone: APIClient, made: Made, fields: str
) -> None:
    made("LAMP-1")
    whole = anyone.get(URL, {"q": "lamp"}).json()["results"]
    part = anyone.get(URL, {"q": "lamp", "fields": fields}).json()["results"]

    names = fields.split(",")
    assert part == [{key: each[key] for key in each if key in names} for each in whole]
    assert set(part[0]) == set(names)


@pytest.mark.parametrize("name", sorted(OneProductOutput().fields))
def test_one_product_shows_a_field_alone(anyone: APIClient, made: Made, name: str) -> None:
    url = f"{URL}/{made('LAMP-1')}"
    whole = anyone.get(url).json()
    assert anyone.get(url, {"fields": name}).json() == {
        key: value for key, value in whole.items() if key == name
    }


def test_what_is_not_shown_is_not_read(anyone: APIClient, made: Made) -> None:
    made("LAMP-1")
    with CaptureQueriesContext(connection) as queries:
        anyone.get(URL, {"fields": "id,name,price"})

    [sql] = [query["sql"] for query in queries]
    for unread in ("products_picture", "products_availability", "description"):
        assert unread not in sql


def test_the_products_beside_one_are_read_only_if_they_are_shown(
    anyone: APIClient, made: Made, django_assert_num_queries: Any
) -> None:
    url = f"{URL}/{made('LAMP-1')}"
    with django_assert_num_queries(1):
        anyone.get(url, {"fields": "name"})


def test_an_unknown_field_is_refused(anyone: APIClient, made: Made) -> None:
    for url in (URL, f"{URL}/{made('LAMP-1')}"):
        answer = anyone.get(url, {"fields": "id,colour"})
        assert (answer.status_code, answer.json()["fields"]) == (400, ["colour"])
