from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.orders.models import Order
from tests.orders.scenes import NOON, ORDERS, Scene, body

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


@pytest.fixture
def days(scene: Scene) -> list[dict[str, Any]]:
    """A customer's orders of three days, the first one cancelled."""
    scene.hear("StockShort")
    orders = [scene.customer.get(scene.url).json()]
    for day in (1, 2):
        answer = scene.customer.post(ORDERS, body(scene.lines))
        Order.objects.filter(id=answer.json()["id"]).update(placed_at=NOON + day * DAY)
        orders.append(answer.json())
    return orders


def found(client: APIClient, days: list[dict[str, Any]], **query: Any) -> list[int]:
    """Return which days' orders a query finds, in its order."""
    answer = client.get(f"{ORDERS}?{urlencode(query, doseq=True)}")
    assert answer.status_code == 200, answer.json()
    ids = [order["id"] for order in days]
    return [ids.index(order["id"]) for order in answer.json()["results"]]


def iso(day: float) -> str:
    return (NOON + day * DAY).isoformat()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [2, 1, 0]),
        ({"state": "PLACED"}, [2, 1]),
        ({"state": "CANCELLED,PLACED"}, [2, 1, 0]),
        ({"state": ["CANCELLED", "SHIPPED"]}, [0]),
        ({"state": ["CANCELLED,SHIPPED", "PLACED"]}, [2, 1, 0]),
        ({"placed_after": iso(1)}, [2, 1]),
        ({"placed_before": iso(1)}, [0]),
        ({"placed_after": iso(0.5), "placed_before": iso(2)}, [1]),
        ({"placed_after": "2026-03-02T13:00:00+01:00"}, [2, 1]),
        ({"placed_after": "2026-03-03"}, [2]),
        ({"placed_after": iso(0), "state": "CANCELLED"}, [0]),
        ({"placed_after": iso(3)}, []),
        ({"limit": "2"}, [2, 1]),
    ],
    ids=str,
)
def test_a_list_is_narrowed(
    scene: Scene, days: list[dict[str, Any]], query: dict[str, Any], expected: list[int]
) -> None:
    assert found(scene.customer, days, **query) == expected
    assert found(scene.staff, days, **query) == expected


def test_an_order_is_found_by_its_number_as_people_write_it(
    scene: Scene, days: list[dict[str, Any]], client_for: Callable[..., APIClient]
) -> None:
    number = days[1]["number"]
    for written in (number, number.lower(), number.replace("-", "")):
        assert found(scene.staff, days, number=written) == [1]
    assert found(client_for(), days, number=number) == []


def test_a_customers_orders_are_found_by_support_alone(
    scene: Scene, days: list[dict[str, Any]], client_for: Callable[..., APIClient]
) -> None:
    customer, other = scene.customer.user_id, client_for()  # type: ignore[attr-defined]

    assert found(scene.staff, days, customer=customer) == [2, 1, 0]
    assert found(scene.staff, days, customer=other.user_id) == []  # type: ignore[attr-defined]
    assert found(other, days, customer=customer) == []


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("state", "LOST", "invalid_choice"),
        ("state", "PLACED,", "invalid_choice"),
        ("state", "PLACED\0", "invalid_choice"),
        ("number", "1111-1111-1112", "invalid_number"),
        ("number", "short", "invalid_number"),
        ("number", "1" * 21, "max_length"),
        ("placed_after", "yesterday", "invalid"),
        ("placed_after", "0001-01-01T00:00:00+14:00", "overflow"),
        ("placed_before", "2026-02-30", "invalid"),
        ("customer", "me", "invalid"),
    ],
)
def test_a_filter_that_is_none_is_refused(scene: Scene, field: str, value: str, code: str) -> None:
    answer: Any = scene.staff.get(f"{ORDERS}?{urlencode({field: value})}")

    errors = [(error["field"], error["code"]) for error in answer.json()["errors"]]
    assert (answer.status_code, errors[0]) == (400, (field, code))


def test_a_list_by_time_goes_on_page_by_page(scene: Scene, days: list[dict[str, Any]]) -> None:
    url: str | None = f"{ORDERS}?{urlencode({'placed_after': iso(0), 'limit': 1})}"
    seen = []
    while url:
        page = scene.customer.get(url).json()
        seen += [order["id"] for order in page["results"]]
        url = page["next"]

    assert seen == [order["id"] for order in reversed(days)]


def test_a_narrowed_list_costs_one_query(
    scene: Scene, days: list[dict[str, Any]], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    query = urlencode({"placed_after": iso(0), "state": "PLACED,CANCELLED"})
    with django_assert_num_queries(1):
        assert len(scene.staff.get(f"{ORDERS}?{query}").json()["results"]) == 3


def test_guests_have_no_list(anyone: APIClient) -> None:
    answer = anyone.get(ORDERS)

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
