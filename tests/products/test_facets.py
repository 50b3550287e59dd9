from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.products import usecases
from apps.products.models import Availability
from apps.products.queries import counting
from kernel.ids import new_id
from kernel.money import Money
from kernel.transactions import transaction
from tests.conftest import NOON
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
        "is_capped": False,
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
        "attributes": [],
    }


@pytest.fixture
def range_of_lamps(made: Made) -> None:
    """Make a family of four lamps, one without a family, and two things of the garden."""
    family_id = new_id()
    with transaction():
        usecases.create_family(
            family_id=family_id, name="L", description="", options=["colour", "size"], at=NOON
        )
    for number, (colour, size) in enumerate(
        [("red", "S"), ("red", "L"), ("blue", "S"), ("blue", "L")]
    ):
        product_id = made(
            f"F{number}",
            family=family_id,
            attributes={"colour": colour, "size": size},
            tags=("warm",),
            price=Money(amount=900 + 100 * number, currency="EUR"),
        )
        Availability.note(product_id=product_id, version=1, free=number % 2)
    for code, colour in (("G1", "red"), ("G2", "green")):
        made(code, category="garden", attributes={"colour": colour}, tags=("warm", "green"))


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
    assert facets(anyone, query)["count"] == len(codes(anyone, query))


@pytest.mark.parametrize(
    ("own", "facet"),
    [
        ("category=lamps", "categories"),
        ("price_min=1000", "prices"),
        ("price_max=999", "prices"),
        ("available=true", "availability"),
        ("attr.colour=red&attr.colour=blue", "attributes"),
    ],
)
@pytest.mark.parametrize("others", ["", "tag=warm&", "q=reading&"])
def test_what_a_facet_narrows_by_is_left_out_of_its_own_counts_alone(
    anyone: APIClient, range_of_lamps: None, own: str, facet: str, others: str
) -> None:
    with_it, without = facets(anyone, f"?{others}{own}"), facets(anyone, f"?{others}")
    if facet == "attributes":
        with_it["attributes"], without["attributes"] = (
            [each for each in counts["attributes"] if each["name"] == "colour"]
            for counts in (with_it, without)
        )
    assert with_it[facet] == without[facet] != []
    assert with_it["count"] < without["count"]


def test_a_tag_that_is_wanted_narrows_the_counts_of_tags(anyone: APIClient, stall: None) -> None:
    tags = facets(anyone, "?tag=brass")["tags"]
    assert tags == [{"tag": "brass", "count": 1}, {"tag": "warm", "count": 1}]


def test_attributes_that_tell_families_apart_are_counted_in_all_that_is_found(
    anyone: APIClient, range_of_lamps: None
) -> None:
    colours = [{"value": "red", "count": 3}, {"value": "blue", "count": 2}]
    sizes = [{"value": "L", "count": 2}, {"value": "S", "count": 2}]
    assert facets(anyone)["attributes"] == [
        {"name": "colour", "values": [*colours, {"value": "green", "count": 1}]},
        {"name": "size", "values": sizes},
    ]
    # Of another choice of colour: what it would find; of sizes: what is left of the choice made.
    assert facets(anyone, "?attr.colour=red")["attributes"] == [
        {"name": "colour", "values": [*colours, {"value": "green", "count": 1}]},
        {"name": "size", "values": [{"value": "L", "count": 1}, {"value": "S", "count": 1}]},
    ]
    assert facets(anyone, "?category=garden")["attributes"] == []  # no family is there


def test_an_attribute_that_is_asked_for_is_counted_whether_a_family_has_it_or_not(
    anyone: APIClient, range_of_lamps: None
) -> None:
    counts = facets(anyone, "?category=garden&attr.colour=red")
    values = [{"value": "green", "count": 1}, {"value": "red", "count": 1}]
    assert (counts["count"], counts["attributes"]) == (1, [{"name": "colour", "values": values}])


def test_of_very_many_products_the_newest_are_counted(
    anyone: APIClient, stall: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "MAX_COUNTED", 2)
    counts = facets(anyone)
    assert (counts["count"], counts["is_capped"]) == (2, True)
    assert [each["slug"] for each in counts["categories"]] == ["garden", "home"]
    assert facets(anyone, "?available=true&price_max=999")["is_capped"]


def test_each_bucket_finds_as_many_as_it_counts(anyone: APIClient, made: Made) -> None:
    starts = (0, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
    for number, start in enumerate(starts):
        for amount in {start, max(start - 1, 0), start + 1}:
            made(f"P{number}-{amount}", price=Money(amount=amount, currency="EUR"))
    found = facets(anyone)["prices"]
    ends = [*(start - 1 for start in starts[1:]), None]
    assert [(each["price_min"], each["price_max"]) for each in found] == list(
        zip(starts, ends, strict=True)
    )
    assert [each["count"] for each in found] == [3, 3, 3, 3, 3, 3, 3, 2]
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


@pytest.mark.parametrize(("query", "count"), [("", 1), ("?q=lamp&category=home&tag=warm", 5)])
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
