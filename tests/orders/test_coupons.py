"""Coupons: what they take off, who may use them, and that no limit is passed."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connections
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.orders.events import Discount, OrderPlaced
from apps.orders.models import Coupon, CouponUse, Order
from kernel.bus.testing import published, twice_and_shuffled
from kernel.money import Money
from kernel.transactions import savepoint, transaction
from tests.orders.scenes import NOON, ORDERS, Scene, body, on_sale, tell

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def coupon(code: str = "SUMMER10", **fields: Any) -> Coupon:
    values = {"kind": "percent", "percent": Decimal(10)} if "kind" not in fields else {}
    return Coupon.objects.create(code=code, **{"valid_from": NOON - DAY, **values, **fields})


def euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def uses() -> list[tuple[int, bool]]:
    """Return of each coupon how often it is used, and of each use whether it was given back."""
    returned = CouponUse.objects.order_by("order_id").values_list("returned_at", flat=True)
    return [(Coupon.objects.get().used, at is not None) for at in returned]


@pytest.fixture
def customer(client_for: Callable[..., APIClient]) -> APIClient:
    return client_for()


@pytest.fixture
def lamp() -> uuid.UUID:
    return on_sale(code="LAMP", name="Lamp", price=Money(amount=1000, currency="EUR"))


@pytest.fixture
def rug() -> uuid.UUID:
    return on_sale(code="RUG", name="Rug", price=Money(amount=333, currency="EUR"))


def place(client: APIClient, lines: dict[uuid.UUID, int], code: str, **fields: Any) -> Any:
    return client.post(ORDERS, body(lines, coupon=code, **fields))


class TestACoupon:
    def test_over_percent_is_spread_over_the_lines(
        self, customer: Any, lamp: uuid.UUID, rug: uuid.UUID
    ) -> None:
        coupon()

        answer = place(customer, {lamp: 1, rug: 1}, " summer10 ", expected_total=euros(1700))

        order = answer.json()
        assert answer.status_code == 201
        # 10 % of 13.33 is 1.33: of that 1.00 for the lamp, 0.33 for the rug.
        assert [(line["discount"], line["tax"]) for line in order["lines"]] == [
            (euros(100), {"rate_percent": "25", "amount": euros(180)}),
            (euros(33), {"rate_percent": "25", "amount": euros(60)}),
        ]
        assert order["subtotal"] == euros(1333)
        assert order["discounts"] == [{"code": "SUMMER10", "amount": euros(133)}]
        assert order["tax_lines"] == [
            {"name": "VAT", "rate_percent": "25", "net": euros(1360), "amount": euros(340)}
        ]
        assert order["total"] == euros(1700)
        assert customer.get(answer.headers["Location"]).json() == order
        [told] = published(OrderPlaced)
        assert isinstance(told, OrderPlaced)
        assert told.terms.discounts == (Discount(code="SUMMER10", amount=133),)
        assert [line.discount for line in told.terms.lines] == [100, 33]
        assert CouponUse.objects.values().get() == {
            "order_id": uuid.UUID(order["id"]),
            "coupon_id": Coupon.objects.get().id,
            "customer_id": customer.user_id,
            "amount": 133,
            "used_at": NOON,
            "returned_at": None,
        }
        assert Coupon.objects.get().used == 1

    def test_over_an_amount_never_takes_more_than_the_goods_cost(
        self, customer: Any, lamp: uuid.UUID
    ) -> None:
        coupon("BIG", kind="amount", amount=5000, currency="EUR")

        order = place(customer, {lamp: 1}, "BIG").json()

        assert (order["discounts"], order["total"]) == (
            [{"code": "BIG", "amount": euros(1000)}],
            euros(500),
        )

    def test_for_free_delivery_takes_off_its_price_and_its_tax(
        self, customer: Any, lamp: uuid.UUID
    ) -> None:
        coupon("FREESHIP", kind="free_delivery")

        order = place(customer, {lamp: 1}, "freeship").json()

        assert order["discounts"] == [{"code": "FREESHIP", "amount": euros(500)}]
        assert (order["delivery_price"], order["total"]) == (euros(500), euros(1000))
        assert [line["amount"] for line in order["tax_lines"]] == [euros(200)]

    def test_takes_three_statements_more(
        self, customer: Any, lamp: uuid.UUID, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        coupon(limit=5, limit_per_customer=2)
        # Found with the customer's uses, taken, the customer's uses under its lock, noted.
        with django_assert_num_queries(2 + 8 + 4):
            assert place(customer, {lamp: 1}, "SUMMER10").status_code == 201


class TestRefuses:
    def refused(self, answer: Any, status: int, code: str) -> dict[str, Any]:
        problem: dict[str, Any] = answer.json()
        assert (answer.status_code, problem["code"]) == (status, code)
        assert (Order.objects.count(), CouponUse.objects.count()) == (0, 0)
        assert published(OrderPlaced) == []
        return problem

    @pytest.mark.parametrize("code", ["NOBODY", "x", "nobody'--", "SS\u017f"])
    def test_a_code_that_there_is_not(self, customer: Any, lamp: uuid.UUID, code: str) -> None:
        coupon()
        self.refused(place(customer, {lamp: 1}, code), 422, "unknown_coupon")

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"valid_from": NOON + DAY}, "coupon_not_yet_valid"),
            ({"valid_until": NOON}, "coupon_no_longer_valid"),
            ({"is_active": False}, "coupon_no_longer_valid"),
            ({"limit": 3, "used": 3}, "coupon_used_up"),
            ({"kind": "amount", "amount": 1, "currency": "SEK"}, "coupon_in_other_currency"),
        ],
    )
    def test_what_can_not_be_used(
        self, customer: Any, lamp: uuid.UUID, fields: dict[str, Any], code: str
    ) -> None:
        coupon(**fields)
        self.refused(place(customer, {lamp: 1}, "SUMMER10"), 409, code)

    def test_goods_that_cost_too_little_telling_the_minimum(
        self, customer: Any, lamp: uuid.UUID
    ) -> None:
        coupon(minimum=1001, currency="EUR")

        answer = place(customer, {lamp: 1}, "SUMMER10")

        problem = self.refused(answer, 409, "coupon_minimum_not_reached")
        assert problem["minimum"] == euros(1001)

    def test_a_code_that_is_too_long(self, customer: Any, lamp: uuid.UUID) -> None:
        self.refused(place(customer, {lamp: 1}, "A" * 41), 400, "invalid")

    def test_a_customer_who_has_used_it_already(self, customer: Any, lamp: uuid.UUID) -> None:
        coupon(limit_per_customer=1)
        assert place(customer, {lamp: 1}, "SUMMER10").status_code == 201

        answer = place(customer, {lamp: 1}, "SUMMER10")

        assert (answer.status_code, answer.json()["code"]) == (409, "coupon_already_used")
        assert (Order.objects.count(), len(published(OrderPlaced)), uses()) == (1, 1, [(1, False)])

    def test_another_total_than_expected_without_using_it(
        self, customer: Any, lamp: uuid.UUID
    ) -> None:
        coupon()
        answer = place(customer, {lamp: 1}, "SUMMER10", expected_total=euros(1500))

        assert self.refused(answer, 409, "total_changed")["total"] == euros(1400)


@pytest.mark.parametrize(
    "values",
    [
        {"code": "summer"},
        {"percent": None},
        {"percent": 0},
        {"percent": Decimal("100.01")},
        {"amount": 5, "currency": "EUR"},
        {"kind": "amount", "percent": None},
        {"kind": "amount", "percent": None, "amount": 0, "currency": "EUR"},
        {"kind": "amount", "percent": None, "amount": 5},
        {"minimum": 5},
        {"minimum": -1, "currency": "EUR"},
        {"valid_until": NOON - DAY},
        {"limit": 3, "used": 4},
    ],
    ids=str,
)
def test_the_database_takes_no_coupon_that_makes_no_sense(values: dict[str, Any]) -> None:
    made = coupon()
    with transaction(), pytest.raises(IntegrityError), savepoint():
        Coupon.objects.filter(id=made.id).update(**values)


class TestAnOrderThatComesToNothing:
    @pytest.fixture
    def scene(self, scene: Scene) -> Scene:
        coupon(limit=1)
        answer = place(scene.customer, scene.lines, "SUMMER10")
        scene.id = uuid.UUID(answer.json()["id"])
        assert uses() == [(1, False)]
        return scene

    def test_gives_the_use_back_when_its_customer_cancels(self, scene: Scene) -> None:
        assert scene.ask("customer cancels").status_code == 200

        assert uses() == [(0, True)]
        assert place(scene.customer, scene.lines, "SUMMER10").status_code == 201

    @pytest.mark.parametrize(
        ("names", "state"),
        [
            (["StockShort"], "CANCELLED"),
            (["PaymentDeclined", "StockShort"], "CANCELLED"),
            (["StockReserved", "PaymentAuthorized", "PackagingFailed"], "PACKAGING_FAILED"),
            (
                [
                    "StockReserved",
                    "PaymentAuthorized",
                    "PackageCreated",
                    "ShipmentStarted",
                    "DeliveryFailed",
                ],
                "DELIVERY_FAILED",
            ),
        ],
    )
    @pytest.mark.parametrize("seed", range(4))
    def test_gives_it_back_once_however_the_events_come(
        self, scene: Scene, names: list[str], state: str, seed: int
    ) -> None:
        tell(*map(scene.event, names), courier=twice_and_shuffled(seed))
        tell(*map(scene.event, names), courier=twice_and_shuffled(seed))

        assert (scene.order.state, uses()) == (state, [(0, True)])

    def test_but_one_that_goes_well_keeps_it(self, scene: Scene) -> None:
        scene.hear("StockReserved", "PaymentAuthorized", "PackageCreated")
        scene.hear("ShipmentStarted", "DeliveryCompleted", "PaymentCaptured")

        assert (scene.order.state, uses()) == ("FULFILLED", [(1, False)])


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Make all calls in the same moment, on a thread and a connection each."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        gate.wait(30)
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.mark.django_db(transaction=True)
class TestManyAtOnce:
    def test_a_hundred_customers_of_a_coupon_for_ten_are_ten(
        self, client_for: Callable[..., APIClient], lamp: uuid.UUID
    ) -> None:
        coupon(limit=10, limit_per_customer=1)
        clients = [client_for() for _ in range(100)]

        answers: list[Any] = []
        for share in (clients[:50], clients[50:]):
            calls = [lambda c=client: place(c, {lamp: 1}, "SUMMER10") for client in share]
            answers += at_once(calls)

        codes = Counter(answer.json().get("code", "placed") for answer in answers)
        assert codes == {"placed": 10, "coupon_used_up": 90}
        assert Coupon.objects.get().used == 10
        assert CouponUse.objects.count() == Order.objects.count() == 10
        assert len(published(OrderPlaced)) == 10

    def test_a_customer_of_twenty_tabs_uses_it_twice(
        self, client_for: Callable[..., APIClient], customer: Any, lamp: uuid.UUID
    ) -> None:
        coupon(limit_per_customer=2)
        tabs = [client_for(user_id=customer.user_id) for _ in range(20)]

        answers = at_once([lambda c=tab: place(c, {lamp: 1}, "SUMMER10") for tab in tabs])

        codes = Counter(answer.json().get("code", "placed") for answer in answers)
        assert codes == {"placed": 2, "coupon_already_used": 18}
        assert Coupon.objects.get().used == 2
        assert CouponUse.objects.count() == Order.objects.count() == 2

    def test_cancelling_twice_at_once_gives_back_one_use(
        self, client_for: Callable[..., APIClient], customer: Any, lamp: uuid.UUID
    ) -> None:
        coupon(limit=5)
        urls = [
            place(customer, {lamp: 1}, "SUMMER10").headers["Location"],
            place(customer, {lamp: 1}, "SUMMER10").headers["Location"],
        ]
        tabs = [client_for(user_id=customer.user_id) for _ in range(8)]

        at_once([lambda c=tab: c.post(f"{urls[0]}/cancel") for tab in tabs])

        assert Coupon.objects.get().used == 1
