from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.products.models import Availability, Product
from kernel.money import Money
from tests.products.conftest import codes
from tests.products.plans import many, plan, walk

pytestmark = pytest.mark.django_db
Made = Callable[..., uuid.UUID]


def euros(amount: int) -> Money:
    return Money(amount=amount * 100, currency="EUR")


def test_a_list_is_narrowed_by_several_tags_that_all_apply(anyone: APIClient, made: Made) -> None:
    made("BOTH", tags=("warm", "brass"))
    made("WARM", tags=("warm",))
    assert codes(anyone, "?tag=warm") == ["WARM", "BOTH"]
    assert codes(anyone, "?tag=warm&tag=BRASS") == ["BOTH"]
    assert codes(anyone, "?tag=warm&tag=oak") == []


def test_a_list_is_narrowed_by_price_with_both_ends(anyone: APIClient, made: Made) -> None:
    for amount in (10, 20, 30):
        made(f"P{amount}", price=euros(amount))
    assert codes(anyone, "?price_min=2000&order=price") == ["P20", "P30"]
    assert codes(anyone, "?price_max=2000&order=price") == ["P10", "P20"]
    assert codes(anyone, "?price_min=1001&price_max=2999") == ["P20"]
    assert codes(anyone, "?price_max=0") == []


def test_a_list_is_narrowed_by_what_can_be_had(anyone: APIClient, made: Made) -> None:
    Availability.note(product_id=made("HERE"), version=1, free=3)
    Availability.note(product_id=made("GONE"), version=1, free=0)
    made("NEVER")
    assert codes(anyone, "?order=-created") == ["NEVER", "GONE", "HERE"]
    assert codes(anyone, "?available=true") == ["HERE"]
    assert codes(anyone, "?available=false") == ["NEVER", "GONE"]


def test_all_that_is_asked_applies(anyone: APIClient, made: Made) -> None:
    made("LAMP", category="lamps", tags=("warm",), price=euros(20))
    made("DEAR", category="lamps", tags=("warm",), price=euros(90))
    made("COLD", category="lamps", tags=("cold",), price=euros(20))
    made("CHAIR", category="garden", tags=("warm",), price=euros(20))
    assert codes(anyone, "?category=home&tag=warm&price_max=5000&available=false") == ["LAMP"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?price_min=-1", "price_min"),
        ("?price_min=x", "price_min"),
        ("?price_max=10000000000000", "price_max"),
        ("?price_min=2&price_max=1", "price_max"),
        ("?available=perhaps", "available"),
        ("?tag=a&tag=b&tag=c&tag=d&tag=e&tag=f", "tag"),
        ("?tag=" + "x" * 41, "tag.0"),
        ("?order=-name", "order"),
    ],
)
def test_a_filter_that_is_not_good_is_refused_with_its_name(
    anyone: APIClient, tree: None, query: str, field: str
) -> None:
    answer = anyone.get(f"/api/v1/products{query}")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


ORDERS = [
    ("-created", ["P6", "P5", "P4", "P3", "P2", "P1", "P0"]),
    ("name", ["P1", "P3", "P5", "P0", "P2", "P4", "P6"]),
    ("price", ["P0", "P3", "P6", "P1", "P4", "P2", "P5"]),
    ("-price", ["P5", "P2", "P4", "P1", "P6", "P3", "P0"]),
]


@pytest.mark.parametrize(("order", "expected"), ORDERS)
def test_pages_neither_skip_nor_repeat_while_products_are_added(
    anyone: APIClient, made: Made, order: str, expected: list[str]
) -> None:
    for number in range(7):
        name = "Even" if number % 2 else "Odd"
        made(f"P{number}", name=name, price=euros(10 + number % 3))
    before = euros(1) if order == "price" else euros(99)
    added = iter(range(100))
    seen = walk(
        anyone,
        f"/api/v1/products?limit=2&order={order}",
        lambda: made(f"NEW{next(added)}", name="Aaa", price=before),
    )
    assert seen == expected


@pytest.mark.parametrize(("order", "expected"), ORDERS)
def test_a_product_that_leaves_its_place_takes_no_other_along(
    anyone: APIClient, made: Made, order: str, expected: list[str]
) -> None:
    ids = {}
    for number in range(7):
        name = "Even" if number % 2 else "Odd"
        ids[f"P{number}"] = made(f"P{number}", name=name, price=euros(10 + number % 3))
    second = expected[1]  # the cursor of the first page points at it
    moved = {"name": "Zzz", "price_amount": 1 if order == "-price" else 99_999}
    seen = walk(
        anyone,
        f"/api/v1/products?limit=2&order={order}",
        lambda: Product.objects.filter(id=ids[second]).update(**moved),
    )
    assert [code for code in seen if code != second] == [c for c in expected if c != second]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("", "products_shown"),
        ("order=name", "products_shown_name"),
        ("order=price", "products_shown_price"),
        ("order=-price", "Backward using products_shown_price"),
        ("order=price&price_min=100&price_max=900", "products_shown_price"),
        ("order=price&available=true", "products_shown_price"),
        ("tag=tag-7&order=price", "products_tags"),
        ("category=lamps", "products_shown(_category)?"),
    ],
)
@pytest.mark.parametrize("place", ["first", "next"])
def test_a_list_has_its_index(
    anyone: APIClient, tree: None, query: str, index: str, place: str
) -> None:
    many(3000)
    url = f"/api/v1/products?limit=5&{query}"
    if place == "next":
        url = anyone.get(url).json()["next"]
    found = plan(anyone, url)
    assert re.search(rf"{index} on |Bitmap Index Scan on {index} ", found), found
    if "tag" not in query:
        assert "Sort" not in found.split("SubPlan")[0]  # of a product's few pictures it may


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("order=price&price_min=1&tag=brass&available=false", 1),
        ("order=-price&category=home&price_max=99999", 2),
    ],
)
def test_a_narrowed_list_takes_as_many_queries_for_a_hundred_products_as_for_one(
    anyone: APIClient,
    made: Made,
    django_assert_num_queries: Callable[..., Any],
    query: str,
    count: int,
) -> None:
    for number in range(100):
        made(f"P{number}")
        if number in {0, 99}:
            with django_assert_num_queries(count):
                assert len(codes(anyone, f"?limit=100&{query}")) == number + 1
