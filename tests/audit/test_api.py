from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.audit.models import KnownUser, Record
from apps.orders.events import OrderModified, Terms
from apps.products.events import ProductRejected
from apps.users.events import UserErased, UserRegistered, UserUpdated
from kernel.bus import context
from kernel.bus.testing import envelopes, twice_and_shuffled
from kernel.ids import new_id
from tests.audit.conftest import ADDRESS, NOON, captured, flow, placed, tell

pytestmark = pytest.mark.django_db
URL = "/api/v1/audit/events"


def registered(user_id: uuid.UUID, email: str) -> UserRegistered:
    return UserRegistered(
        occurred_at=NOON, user_id=user_id, version=1, email=email, name_of_user="Ada"
    )


def ids(client: APIClient, **query: Any) -> list[str]:
    response = client.get(URL, query)
    assert response.status_code == 200, response.json()
    return [found["type"] for found in response.json()["results"]]


@pytest.mark.parametrize("roles", [(), ("warehouse",), ("delivery",)])
def test_others_than_support_are_refused(client_for: Any, roles: tuple[str, ...]) -> None:
    assert client_for(*roles).get(URL).status_code == 403


def test_nobody_is_refused(anyone: APIClient) -> None:
    assert anyone.get(URL).status_code == 401


def test_an_event_is_shown_without_what_is_personal(client_for: Any) -> None:
    order_id, customer_id = new_id(), new_id()
    with context.acting(context.Context("customer:1", "request-1")):
        tell(placed(order_id, customer_id))
    flow()

    [told], record = envelopes(), Record.objects.get()
    assert client_for("support").get(URL).json() == {
        "results": [
            {
                "id": str(told.event_id),
                "type": "orders.order_placed.v1",
                "subject": str(order_id),
                "order_id": str(order_id),
                "actor": "customer:1",
                "request_id": "request-1",
                "trace_id": None,
                "causation_id": None,
                "occurred_at": "2026-03-01T12:00:00Z",
                "recorded_at": record.recorded_at.isoformat().replace("+00:00", "Z"),
                "outcome": "ok",
                "changes": [],
                "payload": {**told.payload, "address": None},
            }
        ],
        "next": None,
    }


def test_before_and_after_are_shown_where_the_event_tells_them(
    client_for: Any, admin_client: Client
) -> None:
    order_id, customer_id = new_id(), new_id()
    old, new = (Terms(lines=(), delivery_price=0, total=n, currency="EUR") for n in (1980, 990))
    modified = OrderModified(
        occurred_at=NOON,
        order_id=order_id,
        version=2,
        customer_id=customer_id,
        person_id=customer_id,
        old=old,
        new=new,
        old_address=ADDRESS,
        new_address=ADDRESS,
        changed=("total", "address"),
    )
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with context.acting(context.Context("customer:1", "request-1", None, trace)):
        tell(modified)
    flow()

    [shown] = client_for("support").get(URL).json()["results"]
    assert shown["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert shown["changes"] == [
        {"field": "total", "before": 1980, "after": 990},
        {"field": "address", "before": None, "after": None},  # sealed: whose key may be gone
    ]
    page = admin_client.get(f"/admin/audit/record/{shown['id']}/change/").content.decode()
    assert "<tr><th>total</th><td>1980</td><td>990</td></tr>" in page


def test_each_filter_finds_its_own(client_for: Any, heard: Callable[..., None]) -> None:
    support, order_id, customer_id, product_id = client_for("support"), *(new_id() for _ in "123")
    with context.acting(context.Context("system", "request-2")):
        heard(placed(order_id, customer_id))
    heard(captured(order_id, minutes=5), placed(new_id(), new_id()))
    heard(ProductRejected(occurred_at=NOON, product_id=product_id, code="L", reason="code_taken"))
    heard(registered(customer_id, "ada@example.com"), registered(new_id(), "bob@example.com"))
    placed_, captured_ = "orders.order_placed.v1", "payment.payment_captured.v1"
    rejected, registered_ = "products.product_rejected.v1", "users.user_registered.v1"

    assert len(ids(support)) == 6
    assert ids(support, type=placed_) == [placed_, placed_]
    assert ids(support, order=order_id) == [captured_, placed_]
    assert ids(support, order=order_id, ordering="asc") == [placed_, captured_]
    assert ids(support, subject=product_id) == [rejected]
    assert ids(support, request_id="request-2") == [placed_]
    assert ids(support, outcome="failure") == [rejected]
    assert ids(support, email="Ada@example.com") == [captured_, registered_, placed_]
    assert ids(support, email="ada@example.com", type=placed_) == [placed_]
    assert ids(support, email="nobody@example.com") == []
    assert ids(support, since=(NOON + dt.timedelta(minutes=1)).isoformat()) == [captured_]
    assert len(ids(support, until=(NOON + dt.timedelta(minutes=5)).isoformat())) == 5


def test_a_list_reads_on_from_its_cursor(client_for: Any, heard: Callable[..., None]) -> None:
    order_id = new_id()
    heard(*(captured(order_id, minutes=minutes // 2) for minutes in range(7)))
    seen: list[str] = []
    url, support = f"{URL}?limit=3&order={order_id}", client_for("support")
    while url:
        answer = support.get(url).json()
        seen += [found["id"] for found in answer["results"]]
        url = answer["next"]

    assert seen == [str(told.event_id) for told in reversed(envelopes())]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"order": "x"}, "order"),
        ({"subject": "1"}, "subject"),
        ({"since": "yesterday"}, "since"),
        ({"outcome": "bad"}, "outcome"),
        ({"ordering": "up"}, "ordering"),
        ({"type": "x" * 101}, "type"),
    ],
)
def test_a_filter_that_makes_no_sense_is_named(
    client_for: Any, query: dict[str, str], field: str
) -> None:
    response = client_for("support").get(URL, query)
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_a_list_costs_the_same_however_long_it_is(
    client_for: Any, heard: Callable[..., None], django_assert_num_queries: Any
) -> None:
    customer_id, support = new_id(), client_for("support")
    heard(registered(customer_id, "ada@example.com"), placed(new_id(), customer_id))
    for count in (2, 100):
        with django_assert_num_queries(1):
            assert len(ids(support, limit=100)) == count
        with django_assert_num_queries(2):
            assert len(ids(support, limit=100, email="ada@example.com")) == count
        tell(*(placed(new_id(), customer_id) for _ in range(98)))
        flow()


@pytest.mark.parametrize("seed", range(4))
def test_an_e_mail_address_is_the_newest_in_whatever_order_news_come(seed: int) -> None:
    ada, bob = new_id(), new_id()
    update = {"occurred_at": NOON, "name_of_user": "Ada"}
    tell(registered(ada, "ada@example.com"), registered(bob, "bob@example.com"))
    tell(UserUpdated(user_id=ada, version=2, email="ada@example.org", **update))
    tell(UserUpdated(user_id=bob, version=2, email="bob@example.org", **update))
    tell(UserErased(occurred_at=NOON, user_id=bob, version=3))
    flow(twice_and_shuffled(seed))

    assert sorted(KnownUser.objects.values_list("id", "email", "version", "is_erased")) == [
        (ada, "ada@example.org", 2, False),
        (bob, "", 3, True),
    ]


def test_staff_find_records_in_the_admin(admin_client: Client, heard: Callable[..., None]) -> None:
    order_id, customer_id = new_id(), new_id()
    with context.acting(context.Context("system", "request-7")):
        heard(placed(order_id, customer_id))
    heard(captured(new_id()), registered(customer_id, "ada@example.com"))
    record = Record.objects.get(name="orders.order_placed.v1")

    for term, count in [
        (str(record.event_id), 1),
        (str(order_id), 1),
        ("request-7", 1),
        ("ada@example.com", 2),
        ("nothing", 0),
        ("", 3),
    ]:
        page = admin_client.get("/admin/audit/record/", {"q": term})
        assert page.status_code == 200
        assert len(page.context["cl"].result_list) == count, term
    shown = admin_client.get(f"/admin/audit/record/{record.pk}/change/").content.decode()
    assert "7KQ2-M3XP" in shown
    assert "$sealed" not in shown
    assert admin_client.post(f"/admin/audit/record/{record.pk}/delete/").status_code == 403
    assert admin_client.get("/admin/audit/record/add/").status_code == 403
    for name in ("chain", "knownuser"):
        assert admin_client.get(f"/admin/audit/{name}/").status_code == 200


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"type": "payment.payment_captured.v1"}, 3),
        ({"type": "payment.payment_voided.v1"}, 0),
        ({"outcome__exact": "failure"}, 0),
        ({"occurred_at_from_0": "2026-03-01", "occurred_at_from_1": "12:02:00"}, 2),
        ({"occurred_at_to_0": "2026-03-01", "occurred_at_to_1": "12:01:00"}, 1),
        ({"occurred_at_from_0": "2026-03-01"}, 3),  # a day without a time is none
        ({"occurred_at_from_0": "soon", "occurred_at_from_1": "12:02:00"}, 3),
    ],
)
def test_staff_narrow_the_list(
    admin_client: Client, heard: Callable[..., None], asked: dict[str, str], count: int
) -> None:
    heard(*(captured(new_id(), minutes=minutes) for minutes in (1, 2, 3)))
    page = admin_client.get("/admin/audit/record/", asked)
    assert len(page.context["cl"].result_list) == count


def test_an_event_may_be_shown_in_part(client_for: Any) -> None:
    tell(placed(new_id(), new_id()))
    flow()

    client = client_for("support")
    assert client.get(URL, {"fields": "type"}).json() == {
        "results": [{"type": "orders.order_placed.v1"}],
        "next": None,
    }
    wrong = client.get(URL, {"fields": "type,person"}).json()
    assert (wrong["code"], wrong["fields"]) == ("unknown_field", ["person"])
