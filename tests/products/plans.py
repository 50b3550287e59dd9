"""Lists of many products: made, read to their end, and how PostgreSQL finds them."""

from __future__ import annotations

from collections.abc import Callable, Collection

from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.products.models import Availability, Category, Product
from kernel.ids import new_id


def many(count: int) -> None:
    """Put many products beside those that are there, with prices, names and tags of all kinds."""
    categories = list(Category.objects.all())
    products = Product.objects.bulk_create(
        Product(
            id=new_id(),
            code=f"M-{number}",
            name=f"Thing {number * 7 % count}",
            category=categories[number % len(categories)],
            tags=[f"tag-{number % 100}"],
            width=1,
            length=1,
            height=1,
            weight=1,
            price_amount=number * 13 % count,
            price_currency="EUR",
            is_active=number % 3 > 0,
        )
        for number in range(count)
    )
    Availability.objects.bulk_create(
        Availability(product_id=product.id, version=1, free=number % 2)
        for number, product in enumerate(products)
    )
    with connection.cursor() as cursor:
        for index in (
            "products_search",
            "products_tags",
            "products_attributes",
        ):
            cursor.execute("SELECT gin_clean_pending_list(%s)", [index])  # as VACUUM would
        cursor.execute("ANALYZE products_product, products_availability")


def plan(client: APIClient, url: str, *, without: Collection[str] = (), number: int = -1) -> str:
    """
    Return how PostgreSQL finds what a query of a request asks for; the last, if not told.

    `without` names ways that are quicker as long as there are only thousands.
    """
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    with connection.cursor() as cursor:
        for way in without:
            cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(f"EXPLAIN {queries[number]['sql']}")
        return "\n".join(row[0] for row in cursor.fetchall())


def walk(client: APIClient, url: str, between: Callable[[], object]) -> list[str]:
    """Return the codes of all pages; something may happen between them."""
    seen: list[str] = []
    next_url: str | None = url
    while next_url:
        body = client.get(next_url).json()
        seen += [row["code"] for row in body["results"]]
        next_url = body["next"]
        between()
    return seen
