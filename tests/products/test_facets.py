from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.products.models import Availability
from apps.products.queries import BUCKETS
from kernel.money import Money
from tests.products.conftest import codes

pytestmark = pytest.mark.django_db
Made = Callable[..., uuid.UUID]


def facets(client: APIClient, query: str = "") -> dict[str, Any]:
    answer = client.get(f"/api/v1/products/facets{query}")
    assert answer.status_code == 200, answer.json()
    counts: dict[str, Any] = answer.json()
    return counts


@pytest.fixture
def stall(made: Made) -> None:
    """Make three things in the home, one in the garden, and one that is not for sale."""
    for code, category, tags, amount in (
        ("A", "lamps", ("warm", "brass"), 999),
        ("B", "lamps", ("warm",), 1000),
        ("C", "home", (), 100_000_00),
        ("D", "garden", ("green",), 0),
    ):
        price = Money(amount=amount, currency="EUR")
        product_id = made(code, category=category, tags=tags, price=price)
        Availability.note(product_id=product_id, version=1, free=int(code in "AB"))
    made("HIDDEN", is_active=False)


def test_all_that_is_for_sale_is_counted_by_each_facet(anyone: APIClient, stall: None) -> None:
    assert facets(anyone) == {
        "count": 4,
        "categories": [
            {"slug": "garden", "name": "Garden", "path": "garden", "count": 1},
            {"slug": "home", "name": "Home", "path": "home", "count": 3},
            {"slug": "lamps", "name": "Lamps", "path": "home/lamps", "count": 2},
        ],
        "tags": [
            {"tag": "warm", "count": 2},
            {"tag": "brass", "count": 1},
            {"tag": "green", "count": 1},
        ],
        "prices": [
            {"price_min": 0, "price_max": 999, "count": 2},
            {"price_min": 1000, "price_max": 1999, "count": 1},
            {"price_min": 100_000, "price_max": None, "count": 1},
        ],
        "availability": [{"available": True, "count": 2}, {"available": False, "count": 2}],
    }


@pytest.mark.parametrize(
    "query",
    [
        "?category=home",
        "?tag=warm",
        "?tag=warm&tag=brass",
        "?price_min=1000",
        "?price_max=999&available=true",
        "?available=false",
        "?q=lamp&category=home",
        "?attr.colour=red",
        "?code=a",
        "?category=nowhere",
    ],
)
def test_facets_count_what_the_list_of_the_same_filters_shows(
    anyone: APIClient, stall: None, query: str
) -> None:
    counts, listed = facets(anyone, query), len(codes(anyone, query))
    assert counts["count"] == listed
    for facet in ("prices", "availability"):
        assert sum(each["count"] for each in counts[facet]) == listed


def test_each_bucket_finds_as_many_as_it_counts(anyone: APIClient, made: Made) -> None:
    for number, start in enumerate(BUCKETS):
        for amount in {start, max(start - 1, 0), start + 1}:
            made(f"P{number}-{amount}", price=Money(amount=amount, currency="EUR"))
    found = facets(anyone)["prices"]
    assert len(found) == len(BUCKETS)
    for each in found:
        query = f"?limit=100&price_min={each['price_min']}"
        query += f"&price_max={each['price_max']}" if each["price_max"] is not None else ""
        assert len(codes(anyone, query)) == each["count"]


def test_of_tags_the_fifty_most_frequent_are_shown(anyone: APIClient, made: Made) -> None:
    for number in range(3):
        made(f"P{number}", tags=tuple(f"t{number}-{each}" for each in range(20)))
    made("LAST", tags=("t2-19",))
    tags = facets(anyone)["tags"]
    assert (len(tags), tags[0]) == (50, {"tag": "t2-19", "count": 2})


@pytest.mark.parametrize("query", ["?price_min=x", "?q=x", "?attr.X=1", "?category=No%20slug"])
def test_a_filter_that_is_not_good_is_refused(anyone: APIClient, tree: None, query: str) -> None:
    answer = anyone.get(f"/api/v1/products/facets{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize(("query", "count"), [("", 1), ("?q=lamp&category=home&tag=warm", 2)])
def test_facets_take_as_many_queries_for_a_hundred_products_as_for_one(
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
                assert facets(anyone, query)["count"] == number + 1
