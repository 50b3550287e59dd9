"""The answers of the others, in whichever order they come, and what orders says to them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from apps.orders.events import (
    OrderCancellationRequested,
    OrderCancelled,
    OrderConfirmed,
    OrderFulfilled,
    OrderLine,
    OrderModified,
    OrderPackaged,
    OrderPlaced,
    OrderShipped,
    TaxLine,
    Terms,
)
from apps.warehouse.events import StockLine
from kernel.address import Address
from kernel.bus import inbox
from kernel.bus.envelope import Envelope
from kernel.bus.event import Event
from kernel.bus.models import Delivery
from kernel.bus.outbox import publish
from kernel.bus.testing import envelopes, twice_and_shuffled
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.orders.scenes import ADDRESS, ELSEWHERE, NOON, Scene, tell

CONFIRMED = ("StockReserved", "PaymentAuthorized")
SEEDS = range(12)


def terms(scene: Scene, lamps: int, rugs: int) -> Terms:
    taxed = {"tax_rate_percent": "25"}
    lamp = {"product_id": scene.lamp, "code": "LAMP", "name": "Lamp", "unit_price": 1000, **taxed}
    rug = {"product_id": scene.rug, "code": "RUG", "name": "Rug", "unit_price": 700, **taxed}
    lines = (
        OrderLine(**lamp, quantity=lamps, tax=200 * lamps),
        OrderLine(**rug, quantity=rugs, tax=140 * rugs),
    )
    total, tax = 500 + 1000 * lamps + 700 * rugs, 100 + 200 * lamps + 140 * rugs
    return Terms(
        lines=tuple(line for line in lines if line.quantity),
        delivery_price=500,
        delivery_tax=100,
        delivery_tax_rate_percent="25",
        tax_lines=(TaxLine(name="VAT", rate_percent="25", net=total - tax, amount=tax),),
        total=total,
        currency="EUR",
    )


def package(scene: Scene, lamps: int) -> Event:
    return scene.event("PackageCreated", lines=(StockLine(product_id=scene.lamp, quantity=lamps),))


def fulfilled(scene: Scene, agreed: Terms) -> OrderFulfilled:
    order = scene.order
    return OrderFulfilled(
        occurred_at=NOON,
        order_id=order.id,
        version=order.version,
        number=order.number,
        customer_id=order.customer_id,
        person_id=order.person_id,
        terms=agreed,
        address=Address(**ADDRESS),
    )


class TestAnOrderThatGoesWell:
    def test_says_each_step_with_a_growing_version(self, scene: Scene) -> None:
        scene.hear(*CONFIRMED, "PackageCreated", "ShipmentStarted", "DeliveryCompleted")
        scene.hear("PaymentCaptured")

        told = {"occurred_at": NOON, "order_id": scene.id}
        assert scene.said()[1:] == [
            OrderConfirmed(**told, version=2),
            OrderPackaged(**told, version=3),
            OrderShipped(**told, version=5, tracking_number="T-1"),
            fulfilled(scene, terms(scene, 2, 1)),
        ]
        assert scene.timeline == [
            "placed",
            "confirmed",
            "packaged",
            "shipped",
            "fulfilled",
            "paid",
        ]

    @pytest.mark.parametrize("seed", SEEDS)
    def test_ends_alike_in_whichever_order_the_answers_come(self, scene: Scene, seed: int) -> None:
        names = (*CONFIRMED, "PackageCreated", "ShipmentStarted", "DeliveryCompleted")

        tell(*map(scene.event, names), courier=twice_and_shuffled(seed))

        order = scene.order
        assert (order.state, order.tracking_number) == ("FULFILLED", "T-1")
        [said] = [event for event in scene.said() if isinstance(event, OrderFulfilled)]
        assert said == fulfilled(scene, terms(scene, 2, 1)).model_copy(
            update={"version": said.version}
        )
        versions = [event.version for event in scene.said()]  # type: ignore[attr-defined]
        assert versions == sorted(set(versions))


class TestAPackageWithLessThanOrdered:
    def test_lowers_the_total_and_tells_old_and_new(self, scene: Scene) -> None:
        scene.hear(*CONFIRMED)
        tell(package(scene, lamps=1))

        order = scene.order
        assert scene.said()[2:] == [
            OrderModified(
                occurred_at=NOON,
                order_id=scene.id,
                version=3,
                customer_id=order.customer_id,
                person_id=order.person_id,
                old=terms(scene, 2, 1),
                new=terms(scene, 1, 0),
                old_address=Address(**ADDRESS),
                new_address=Address(**ADDRESS),
                changed=("lines", "total"),
            ),
            OrderPackaged(occurred_at=NOON, order_id=scene.id, version=4),
        ]
        shown = scene.customer.get(scene.url).json()
        quantities = [(line["quantity"], line["ordered_quantity"]) for line in shown["lines"]]
        assert quantities == [(1, 2), (0, 1)]
        assert shown["total"] == {"amount": 1500, "currency": "EUR"}
        assert scene.timeline[2:] == ["lines_changed", "packaged"]

    @pytest.mark.parametrize("seed", SEEDS)
    def test_is_fulfilled_on_its_final_terms_however_the_events_come(
        self, scene: Scene, seed: int
    ) -> None:
        scene.hear(*CONFIRMED)
        later = [scene.event("ShipmentStarted"), scene.event("DeliveryCompleted")]

        tell(package(scene, lamps=1), *later, courier=twice_and_shuffled(seed))

        said = scene.said()
        assert [event.new for event in said if isinstance(event, OrderModified)] == [
            terms(scene, 1, 0)
        ]
        assert [event.terms for event in said if isinstance(event, OrderFulfilled)] == [
            terms(scene, 1, 0)
        ]
        assert scene.order.state == "FULFILLED"

    def test_never_holds_more_than_ordered(self, scene: Scene) -> None:
        scene.hear(*CONFIRMED)
        lines = tuple(StockLine(product_id=id_, quantity=9) for id_ in scene.lines)
        tell(scene.event("PackageCreated", lines=lines))

        assert scene.order.total == 3200


class TestANoOfStockOrPayment:
    @pytest.mark.parametrize(
        ("no", "yes", "reason"),
        [
            ("StockShort", "PaymentAuthorized", "out_of_stock"),
            ("PaymentDeclined", "StockReserved", "payment_declined"),
        ],
    )
    @pytest.mark.parametrize("seed", range(4))
    def test_cancels_whether_it_comes_before_or_after_the_other_yes(
        self, scene: Scene, no: str, yes: str, reason: str, seed: int
    ) -> None:
        tell(scene.event(no), scene.event(yes), courier=twice_and_shuffled(seed))

        assert scene.said()[1:] == [
            OrderCancelled(occurred_at=NOON, order_id=scene.id, version=2, reason=reason)
        ]
        assert scene.customer.get(scene.url).json()["cancellation"] == {
            "requested_by": None,
            "requested_at": None,
            "is_refused": False,
            "reason": reason,
        }


class TestCancelling:
    def test_a_placed_order_is_done_at_once(self, scene: Scene) -> None:
        answer = scene.ask("customer cancels")

        assert (answer.status_code, answer.json()["state"]) == (200, "CANCELLED")
        assert answer.json()["cancellation"] == {
            "requested_by": "customer",
            "requested_at": "2026-03-01T12:00:00Z",
            "is_refused": False,
            "reason": "requested",
        }
        assert scene.said()[1:] == [
            OrderCancelled(occurred_at=NOON, order_id=scene.id, version=2, reason="requested")
        ]

    @pytest.mark.parametrize("answer", ["PackagingCancelled", "ShipmentCancelled"])
    def test_a_confirmed_order_waits_for_who_holds_the_goods(
        self, scene: Scene, answer: str
    ) -> None:
        scene.hear(*CONFIRMED)
        assert scene.ask("customer cancels").json()["state"] == "CANCELLING"

        scene.hear(answer)

        told = {"occurred_at": NOON, "order_id": scene.id}
        assert scene.said()[2:] == [
            OrderCancellationRequested(**told, version=3, requested_by="customer"),
            OrderCancelled(**told, version=4, reason="requested"),
        ]
        assert scene.timeline[2:] == ["cancellation_requested", "cancelled"]

    @pytest.mark.parametrize("seed", SEEDS)
    def test_that_the_shipment_overtook_is_recorded_as_refused(
        self, scene: Scene, seed: int
    ) -> None:
        scene.hear(*CONFIRMED)
        assert scene.ask("staff cancels").json()["state"] == "CANCELLING"
        names = ("PackageCreated", "ShipmentStarted", "DeliveryCompleted")

        tell(*map(scene.event, names), courier=twice_and_shuffled(seed))

        order = scene.order
        assert (order.state, order.is_cancel_refused, order.cancel_reason) == (
            "FULFILLED",
            True,
            "",
        )
        assert scene.timeline.count("cancellation_refused") == 1
        assert scene.ask("staff cancels").json()["code"] == "order_not_cancellable"

    def test_keeps_what_was_packed_meanwhile(self, scene: Scene) -> None:
        scene.hear(*CONFIRMED)
        scene.ask("customer cancels")

        tell(package(scene, lamps=1))

        assert (scene.order.state, scene.order.total) == ("CANCELLING", 1500)
        assert isinstance(scene.said()[-1], OrderModified)

    def test_may_be_asked_by_staff_alone_once_it_is_packed(self, scene: Scene) -> None:
        scene.hear(*CONFIRMED, "PackageCreated")

        refused, granted = scene.ask("customer cancels"), scene.ask("staff cancels")

        assert (refused.status_code, refused.json()["code"], refused.json()["state"]) == (
            409,
            "order_not_cancellable",
            "PACKAGED",
        )
        assert (granted.status_code, granted.json()["state"]) == (200, "CANCELLING")


class TestAChangedAddress:
    def test_is_told_with_the_old_one(self, scene: Scene) -> None:
        answer = scene.ask("address changes")

        order = scene.order
        assert (answer.status_code, answer.headers["ETag"]) == (200, '"v2"')
        assert answer.json()["address"] == ELSEWHERE
        assert scene.said()[1:] == [
            OrderModified(
                occurred_at=NOON,
                order_id=scene.id,
                version=2,
                customer_id=order.customer_id,
                person_id=order.person_id,
                old=terms(scene, 2, 1),
                new=terms(scene, 2, 1),
                old_address=Address(**ADDRESS),
                new_address=Address(**ELSEWHERE),
                changed=("address",),
            )
        ]

    def test_that_is_the_same_tells_nothing(self, scene: Scene) -> None:
        change = {"address": ADDRESS}
        answer = scene.customer.patch(scene.url, change, headers={"If-Match": '"v1"'})

        assert (answer.status_code, answer.headers["ETag"]) == (200, '"v1"')
        assert [type(event) for event in scene.said()] == [OrderPlaced]

    @pytest.mark.parametrize("seed", SEEDS)
    def test_that_came_too_late_gives_way_to_where_it_was_shipped(
        self, scene: Scene, seed: int
    ) -> None:
        scene.hear(*CONFIRMED)
        scene.ask("address changes")
        shipped_to = Address(**ADDRESS)
        events = [
            scene.event("PackageCreated"),
            scene.event("ShipmentStarted"),
            scene.event("AddressChangeRefused", shipped_to=shipped_to),
        ]

        tell(*events, courier=twice_and_shuffled(seed))

        assert scene.order.destination == shipped_to
        assert scene.timeline.count("address_change_refused") == 1
        assert scene.order.state == "SHIPPED"


def deliver(envelope: Envelope) -> bool:
    """Hand an event to orders in a thread of its own."""
    try:
        return inbox.deliver("orders", [envelope])
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_two_answers_at_the_same_moment_are_both_seen(scene: Scene) -> None:
    scene.hear(*CONFIRMED)
    with transaction():
        publish(scene.event("PackageCreated"), scene.event("DeliveryCompleted"))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(deliver, envelopes()[-2:])) == [True, True]

    assert scene.order.state == "FULFILLED"
    assert len([event for event in scene.said() if isinstance(event, OrderFulfilled)]) == 1


def test_an_answer_about_an_order_that_does_not_exist_fails_visibly(scene: Scene) -> None:
    with transaction():
        publish(scene.event("StockReserved", order_id=new_id()))

    assert not inbox.deliver("orders", envelopes()[-1:])

    failed = Delivery.objects.get()
    assert (failed.state, failed.handler) == (
        "FAILED",
        "orders.note_answer.warehouse.stock_reserved.v1",
    )
