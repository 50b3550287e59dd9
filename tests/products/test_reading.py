from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.products import usecases
from apps.products.models import Availability, Picture
from apps.warehouse.events import StockLevelChanged
from kernel.bus.models import OutboxEvent
from kernel.bus.outbox import publish
from kernel.bus.testing import Courier, in_order, published, run_until_quiet, twice_and_shuffled
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.products.conftest import LAMP, codes

pytestmark = pytest.mark.django_db
Made = Callable[..., uuid.UUID]
Clients = Callable[..., APIClient]


def stock(product_id: uuid.UUID, version: int, free: int) -> StockLevelChanged:
    return StockLevelChanged(
        occurred_at=NOON,
        product_id=product_id,
        version=version,
        on_hand=free + 1,
        reserved=1,
        free=free,
    )


def say(*events: StockLevelChanged, courier: Courier = in_order) -> None:
    """Let the warehouse say this, and nothing else that it might say of new products."""
    OutboxEvent.objects.filter(sent_at=None).update(sent_at=NOON)
    with transaction():
        publish(*events)
    run_until_quiet(courier)


def test_anyone_reads_a_product_whole(anyone: APIClient, made: Made) -> None:
    product_id = made("LAMP-1")
    with transaction():
        pictures = [
            usecases.add_picture(
                product_id=product_id,
                sizes=[{"key": f"products/{name}.webp", "width": 2, "height": 1}],
                alt_text=name,
                at=NOON,
            )
            for name in "ba"
        ]
    say(stock(product_id, 1, 5))
    shown = {
        **LAMP,
        "id": str(product_id),
        "pictures": [
            {
                "id": str(each.id),
                "alt_text": each.alt_text,
                "position": each.position,
                "sizes": [
                    {
                        "width": 2,
                        "height": 1,
                        "url": f"https://pictures.example/products/{each.alt_text}.webp",
                    }
                ],
            }
            for each in pictures
        ],
        "available": True,
        "version": 3,
    }
    assert anyone.get(f"/api/v1/products/{product_id}").json() == shown
    assert anyone.get("/api/v1/products").json() == {"results": [shown], "next": None}


def test_a_known_version_is_answered_with_304_until_the_product_or_its_stock_changes(
    anyone: APIClient, admin: APIClient, made: Made
) -> None:
    product_id = made("LAMP-1")
    url = f"/api/v1/products/{product_id}"
    tags = []

    def read() -> int:
        answer = anyone.get(url, headers={"If-None-Match": ", ".join(tags)})
        tags.append(answer["ETag"])
        return int(answer.status_code)

    assert (read(), read()) == (200, 304)
    say(stock(product_id, 1, 5))
    assert (read(), read()) == (200, 304)
    say(stock(product_id, 2, 4))  # still some: nothing that is shown differs
    assert read() == 304
    admin.patch(url, {"name": "Lamp"}, headers={"If-Match": tags[-1]})
    assert (read(), read()) == (200, 304)
    assert list(dict.fromkeys(tags)) == ['"v1-soldout"', '"v1-available"', '"v2-available"']


def test_a_change_of_stock_is_no_new_version_of_the_product(admin: APIClient, made: Made) -> None:
    product_id = made("LAMP-1")
    url = f"/api/v1/products/{product_id}"
    tag = admin.get(url)["ETag"]
    say(stock(product_id, 1, 5))
    assert admin.patch(url, {"name": "Lamp"}, headers={"If-Match": tag}).status_code == 200


@pytest.mark.parametrize("seed", range(5))
def test_availability_ends_right_whichever_way_the_events_fall(made: Made, seed: int) -> None:
    product_id = made("LAMP-1")
    levels = [stock(product_id, version, free) for version, free in enumerate([4, 0, 7, 2], 1)]
    random.Random(seed).shuffle(levels)
    say(*levels, courier=twice_and_shuffled(seed))
    assert Availability.objects.values().get() == {
        "product_id": product_id,
        "version": 4,
        "free": 2,
    }


def test_an_older_level_that_comes_later_changes_nothing(anyone: APIClient, made: Made) -> None:
    product_id = made("LAMP-1")
    say(stock(product_id, 2, 0))
    say(stock(product_id, 1, 9))
    assert not anyone.get(f"/api/v1/products/{product_id}").json()["available"]


def test_stock_of_a_product_that_is_not_known_is_remembered(db: None) -> None:
    product_id = uuid.UUID(int=7)
    say(stock(product_id, 1, 9))
    assert Availability.objects.get().product_id == product_id


def test_what_is_not_for_sale_is_seen_by_administrators_only(
    anyone: APIClient, admin: APIClient, client_for: Clients, made: Made
) -> None:
    hidden, shown = made("HIDDEN", is_active=False), made("SHOWN")
    for client in (anyone, client_for(), client_for("support")):
        assert client.get(f"/api/v1/products/{hidden}").json()["code"] == "product_not_found"
        assert client.get(f"/api/v1/products/{shown}").status_code == 200
        assert codes(client) == ["SHOWN"]
    assert admin.get(f"/api/v1/products/{hidden}").json()["is_active"] is False
    assert (codes(admin), codes(admin, "?is_active=false")) == (["SHOWN"], ["HIDDEN"])


def test_a_list_is_narrowed_by_category_with_those_below_tag_and_code(
    anyone: APIClient, made: Made
) -> None:
    made("LAMP", category="lamps", tags=("warm", "brass"))
    made("CHAIR", category="chairs", tags=("oak",))
    made("HOME", category="home", tags=("warm",))
    made("SPADE", category="garden", tags=())
    assert codes(anyone, "?category=home") == ["HOME", "CHAIR", "LAMP"]
    assert codes(anyone, "?category=lamps") == ["LAMP"]
    assert codes(anyone, "?category=nowhere") == []
    assert codes(anyone, "?tag=Warm") == ["HOME", "LAMP"]
    assert codes(anyone, "?category=lamps&tag=warm") == ["LAMP"]
    assert codes(anyone, "?category=garden&tag=warm") == []
    assert codes(anyone, "?code=spade") == ["SPADE"]
    assert codes(anyone, "?code=SPAD") == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?category=No%20slug", "invalid"),
        ("?category=lamps%00", "invalid"),
        ("?tag=" + "x" * 41, "invalid"),
        ("?code=%00", "invalid"),
        ("?order=newest", "invalid"),
        ("?limit=0", "invalid_limit"),
        ("?cursor=nonsense", "invalid_cursor"),
    ],
)
def test_a_query_that_is_not_good_is_refused(
    anyone: APIClient, tree: None, query: str, code: str
) -> None:
    answer = anyone.get(f"/api/v1/products{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    ("query", "count"),
    [("?limit=100", 1), ("?limit=100&order=name&tag=brass", 1), ("?limit=100&category=home", 2)],
)
def test_a_list_takes_as_many_queries_for_a_hundred_products_as_for_one(
    anyone: APIClient,
    made: Made,
    django_assert_num_queries: Callable[..., Any],
    query: str,
    count: int,
) -> None:
    def add(number: int) -> None:
        product_id = made(f"P{number}")
        sizes = [{"key": f"{number}.webp", "width": 1, "height": 1}]
        Picture.objects.create(
            product_id=product_id, state="READY", sizes=sizes, position=0, created_at=NOON
        )

    add(0)
    with django_assert_num_queries(count):
        assert len(codes(anyone, query)) == 1
    for number in range(1, 100):
        add(number)
    with django_assert_num_queries(count):
        assert len(codes(anyone, query)) == 100


def test_a_product_takes_one_query(
    anyone: APIClient, made: Made, django_assert_num_queries: Callable[..., Any]
) -> None:
    product_id = made("LAMP-1")
    with django_assert_num_queries(1):
        anyone.get(f"/api/v1/products/{product_id}")


def test_reading_is_no_event(anyone: APIClient, made: Made) -> None:
    product_id = made("LAMP-1")
    before = published()
    anyone.get("/api/v1/products")
    anyone.get(f"/api/v1/products/{product_id}")
    assert published() == before
