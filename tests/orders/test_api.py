from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.orders.models import Order
from kernel.ids import new_id
from tests.orders.scenes import ELSEWHERE, ORDERS, Scene, body

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., APIClient]


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.json()
    return [order["id"] for order in answer.json()["results"]]


class TestReading:
    def test_an_order_costs_one_query(
        self, scene: Scene, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(1):
            answer = scene.customer.get(scene.url)

        assert (answer.status_code, answer.headers["ETag"]) == (200, '"v1"')

    def test_an_order_that_is_known_is_not_sent_again(self, scene: Scene) -> None:
        answer = scene.customer.get(scene.url, headers={"If-None-Match": '"v1"'})

        assert (answer.status_code, answer.content) == (304, b"")

    def test_the_timeline_tells_what_happened(self, scene: Scene) -> None:
        scene.hear("StockShort")

        answer = scene.customer.get(f"{scene.url}/timeline")

        entry = {"at": "2026-03-01T12:00:00Z", "reason": None}
        assert answer.json() == {
            "results": [
                {**entry, "what": "placed", "state": "PLACED"},
                {**entry, "what": "cancelled", "state": "CANCELLED", "reason": "out_of_stock"},
            ],
            "next": None,
        }


class TestOthersOrders:
    @pytest.mark.parametrize("role", ["", "warehouse", "delivery"])
    def test_are_not_found(self, scene: Scene, client_for: ClientFor, role: str) -> None:
        stranger = client_for(*filter(None, [role]))
        row = scene.row
        answers = [
            stranger.get(scene.url),
            stranger.get(f"{scene.url}/timeline"),
            stranger.post(f"{scene.url}/cancel"),
            stranger.patch(scene.url, {"address": ELSEWHERE}, headers={"If-Match": '"v1"'}),
        ]

        assert [(a.status_code, a.json()["code"]) for a in answers] == [
            (404, "order_not_found")
        ] * 4
        assert ids(stranger.get(ORDERS)) == []
        assert scene.row == row
        assert len(scene.said()) == 1

    def test_look_like_orders_that_do_not_exist(self, client_for: ClientFor) -> None:
        answer = client_for().get(f"{ORDERS}/{new_id()}")

        assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")

    @pytest.mark.parametrize("role", ["support", "admin"])
    def test_are_seen_by_support(self, scene: Scene, client_for: ClientFor, role: str) -> None:
        staff = client_for(role)

        assert staff.get(scene.url).status_code == 200
        assert staff.get(f"{scene.url}/timeline").status_code == 200
        assert ids(staff.get(ORDERS)) == [str(scene.id)]

    def test_need_a_token(self, scene: Scene, anyone: APIClient) -> None:
        answers = [
            anyone.get(ORDERS),
            anyone.get(scene.url),
            anyone.get(f"{scene.url}/timeline"),
            anyone.post(f"{scene.url}/cancel"),
            anyone.patch(scene.url, {"address": ELSEWHERE}),
        ]

        assert [answer.status_code for answer in answers] == [401] * 5


class TestLists:
    def test_are_filtered_by_state_and_customer(self, scene: Scene, client_for: ClientFor) -> None:
        other = client_for()
        theirs = other.post(ORDERS, body(scene.lines)).json()["id"]
        scene.hear("StockShort")
        customer = scene.customer.user_id  # type: ignore[attr-defined]

        assert ids(scene.staff.get(ORDERS)) == [theirs, str(scene.id)]
        assert ids(scene.staff.get(f"{ORDERS}?state=PLACED")) == [theirs]
        assert ids(scene.staff.get(f"{ORDERS}?customer={customer}")) == [str(scene.id)]
        assert ids(other.get(f"{ORDERS}?customer={customer}")) == []
        assert ids(other.get(ORDERS)) == [theirs]

    @pytest.mark.parametrize("query", ["state=LOST", "customer=me"])
    def test_refuse_a_filter_that_is_none(self, scene: Scene, query: str) -> None:
        answer = scene.staff.get(f"{ORDERS}?{query}")

        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == query.split("=", maxsplit=1)[0]

    def test_cost_one_query_for_one_order_and_for_a_hundred(
        self, scene: Scene, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(1):
            one = scene.customer.get(f"{ORDERS}?limit=100").json()
        for _ in range(99):
            scene.customer.post(ORDERS, body(scene.lines))
        with django_assert_num_queries(1):
            hundred = scene.customer.get(f"{ORDERS}?limit=100").json()

        assert [len(page["results"]) for page in (one, hundred)] == [1, 100]
        assert one["results"][0] == hundred["results"][-1]
        assert len(hundred["results"][0]["lines"]) == 2

    def test_go_on_page_by_page(self, scene: Scene) -> None:
        newest = scene.customer.post(ORDERS, body(scene.lines)).json()["id"]

        first = scene.customer.get(f"{ORDERS}?limit=1")
        second = scene.customer.get(first.json()["next"])

        assert (ids(first), ids(second)) == ([newest], [str(scene.id)])
        assert second.json()["next"] is None

    def test_of_a_timeline_cost_two_queries(
        self, scene: Scene, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        scene.hear("StockReserved", "PaymentAuthorized", "PackageCreated")

        with django_assert_num_queries(2):
            answer = scene.customer.get(f"{scene.url}/timeline")

        assert [entry["what"] for entry in answer.json()["results"]] == [
            "placed",
            "confirmed",
            "packaged",
        ]


class TestChangingTheAddress:
    def change(self, scene: Scene, tag: str | None, **fields: Any) -> tuple[int, str]:
        answer = scene.customer.patch(
            scene.url,
            {"address": {**ELSEWHERE, **fields}},
            headers={"If-Match": tag} if tag else {},
        )
        assert len(scene.said()) == 1
        return answer.status_code, answer.json()["code"]

    def test_demands_the_version_that_was_read(self, scene: Scene) -> None:
        assert self.change(scene, None) == (428, "precondition_required")
        assert self.change(scene, '"v2"') == (412, "precondition_failed")
        assert self.change(scene, "v1") == (412, "precondition_failed")

    def test_must_stay_in_the_country(self, scene: Scene) -> None:
        assert self.change(scene, '"v1"', country="NO") == (409, "other_country")

    def test_needs_a_whole_address(self, scene: Scene) -> None:
        assert self.change(scene, '"v1"', city="") == (400, "invalid")
        answer = scene.customer.patch(scene.url, {}, headers={"If-Match": '"v1"'})
        assert answer.json()["errors"][0]["field"] == "address"

    def test_comes_too_late_once_the_order_is_packed(self, scene: Scene) -> None:
        scene.hear("StockReserved", "PaymentAuthorized", "PackageCreated")

        answer = scene.ask("address changes")

        assert (answer.status_code, answer.json()["code"]) == (409, "address_not_changeable")
        assert Order.objects.get(id=scene.id).address != ELSEWHERE


def test_a_cancellation_asked_for_twice_with_one_key_is_one(scene: Scene) -> None:
    headers = {"Idempotency-Key": "once"}

    answers = [scene.customer.post(f"{scene.url}/cancel", headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert len(scene.said()) == 2


def test_the_schema_tells_what_an_order_is(anyone: APIClient) -> None:
    schema = anyone.get("/api/v1/schema?format=json")
    assert schema.status_code == 200
    text = schema.content.decode()
    for name in ("Order", "NewOrderRequest", "OrderPage", "OrderTimeline", "Address", "Money"):
        assert f"    {name}:" in text or f'"{name}":' in text


def test_orders_may_be_shown_in_part(scene: Scene) -> None:
    shown = {"number": scene.order.number, "state": "PLACED"}
    listed = scene.customer.get("/api/v1/orders", {"fields": "state,number"}).json()
    assert listed == {"results": [shown], "next": None}
    one = scene.customer.get(scene.url, {"fields": "state,number"})
    assert (one.json(), one["ETag"]) == (shown, '"v1"')
    wrong = scene.customer.get(scene.url, {"fields": "state,secret"})
    assert (wrong.status_code, wrong.json()["fields"]) == (400, ["secret"])


def test_a_timeline_knows_its_page_alone(scene: Scene) -> None:
    answer = scene.customer.get(f"{scene.url}/timeline", {"order": "desc"})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_parameter")
