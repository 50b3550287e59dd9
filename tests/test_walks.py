"""
The business, end to end, over all modules: the guided tour.

Each walk plays people over the API and lets events carry the rest. It is told twice: with every
event delivered once and in order, and with every event delivered twice, late and shuffled.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.core import mail
from django.db.models import Sum
from django.utils import timezone
from rest_framework.test import APIClient

from apps.audit.models import Record
from apps.invoices import gateway as invoices_gateway
from apps.invoices.gateway import FakeDocumentStore
from apps.invoices.models import Invoice
from apps.orders.events import OrderShipped
from apps.payment import gateway as payment_gateway
from apps.payment.gateway import FakeGateway
from apps.payment.gateway.fake import CAPTURE_REFUSED_CARD, DECLINED_CARD
from apps.warehouse.models import Movement, Stock
from kernel.bus import jobs
from kernel.bus.models import Delivery, OutboxEvent
from kernel.bus.testing import in_order, published, twice_and_shuffled
from tests.shop import Shop, books, kept, ok

pytestmark = pytest.mark.django_db

SEEDS = range(3)


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    fake = FakeGateway()
    with payment_gateway.installed(fake), invoices_gateway.installed(FakeDocumentStore()):
        yield fake


@pytest.fixture(params=["in order", *(f"twice and shuffled, {seed}" for seed in SEEDS)])
def shop(
    request: pytest.FixtureRequest, client_for: Callable[..., APIClient], gateway: FakeGateway
) -> Iterator[Shop]:
    """A shop in which events travel well, or as badly as they can."""
    if request.param == "in order":
        courier = in_order
    else:
        courier = twice_and_shuffled(seed=int(request.param.split()[-1]))
    shop = Shop(client_for, courier, gateway)
    yield shop
    assert_that_all_agree(shop)
    assert_that_all_is_well(gateway)


# What each module may say of an order that ended so: they agree, whichever way events fell.
AGREEMENT = {
    "FULFILLED": ({"CAPTURED", "CAPTURE_FAILED", "REFUNDED"}, {"COMPLETED"}, {"COMPLETED"}),
    "CANCELLED": ({"VOIDED", "DECLINED"}, {None, "CANCELLED"}, {None, "CANCELLED"}),
    "PACKAGING_FAILED": ({"VOIDED"}, {"FAILED"}, {None}),
    "DELIVERY_FAILED": ({"VOIDED"}, {"FAILED"}, {"FAILED"}),
}


def assert_that_all_agree(shop: Shop) -> None:
    """Check that every module's final state of every order that ended fits the others'."""
    for order in ok(shop.support.get("/api/v1/orders"))["results"]:
        states = shop.states(order["id"])
        if states["order"] in AGREEMENT:
            payments, packagings, shipments = AGREEMENT[states["order"]]
            assert states["payment"] in payments, states
            assert states["packaging"] in packagings, states
            assert states["shipment"] in shipments, states
            is_invoiced = states["payment"] in {"CAPTURED", "REFUNDED"}
            assert len(states["invoices"]) == is_invoiced, states


def assert_that_all_is_well(gateway: FakeGateway) -> None:
    """Check what must hold however a walk ended."""
    for stock in Stock.objects.all():
        assert 0 <= stock.reserved <= stock.on_hand
        moved = Movement.objects.filter(product_id=stock.product_id).aggregate(sum=Sum("delta"))
        assert (moved["sum"] or 0) == stock.on_hand
    for account in gateway.accounts.values():
        assert 0 <= account.refunded <= account.captured <= account.limit
    assert not Delivery.objects.exclude(state=Delivery.State.RECOVERED).exists()
    assert Record.objects.count() == OutboxEvent.objects.count()
    numbers = sorted(int(text[-6:]) for text in Invoice.objects.values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))


def test_an_order_is_fulfilled_paid_and_invoiced(shop: Shop, gateway: FakeGateway) -> None:
    lamp = shop.product(stock=5, price=1000)
    order = shop.order({lamp: 2})
    assert shop.states(order)["order"] == "PLACED"

    shop.flow()
    assert shop.states(order) == {
        "order": "CONFIRMED",
        "payment": "AUTHORIZED",
        "packaging": "NEW",
        "shipment": None,
        "invoices": [],
    }
    assert (shop.stock(lamp), shop.money(order)) == ((5, 2), (2000, 0, 0))

    shop.start_packing(order)
    shop.pack(order)
    shop.flow()
    assert shop.states(order)["order"] == "PACKAGED"
    assert shop.stock(lamp) == (3, 0)

    shop.ship(order)
    shop.flow()
    assert shop.states(order)["order"] == "SHIPPED"

    shop.deliver(order)
    shop.flow()
    assert shop.states(order) == {
        "order": "FULFILLED",
        "payment": "CAPTURED",
        "packaging": "COMPLETED",
        "shipment": "COMPLETED",
        "invoices": [2000],
    }
    assert (shop.stock(lamp), shop.money(order)) == ((3, 0), (2000, 2000, 0))
    assert books(gateway) == [("CAPTURED", 0, 2000, 0)]


def test_an_order_short_of_stock_is_cancelled_and_nothing_is_held(
    shop: Shop, gateway: FakeGateway, settings: object
) -> None:
    settings.REFUSE_SOLD_OUT = False  # type: ignore[attr-defined]
    lamp, rug = shop.product(stock=5), shop.product(stock=1)
    order = shop.confirmed({lamp: 2, rug: 2})

    states = shop.states(order)
    assert (states["order"], states["shipment"], states["invoices"]) == ("CANCELLED", None, [])
    assert (shop.stock(lamp), shop.stock(rug)) == ((5, 0), (1, 0))
    assert kept(gateway) == 0


def test_an_order_that_is_not_paid_is_cancelled_and_nothing_is_reserved(
    shop: Shop, gateway: FakeGateway
) -> None:
    lamp = shop.product(stock=5)
    order = shop.confirmed({lamp: 2}, card=DECLINED_CARD)

    states = shop.states(order)
    assert (states["order"], states["payment"]) == ("CANCELLED", "DECLINED")
    assert (shop.stock(lamp), kept(gateway)) == ((5, 0), 0)


def test_a_guest_buys_a_cart_and_reads_the_invoice(shop: Shop, anyone: APIClient) -> None:
    lamp = shop.product(stock=5, price=1000)
    cart = APIClient(headers={"Cart-Token": ok(anyone.post("/api/v1/cart"))["token"]})
    ok(cart.put(f"/api/v1/cart/lines/{lamp}", {"quantity": 2}))
    body = shop.order_body({lamp: 2}, customer=anyone)
    asked = {name: value for name, value in body.items() if name != "lines"}
    order = ok(
        cart.post("/api/v1/cart/order", {**asked, "email": "ann@example.com", "locale": "de"})
    )
    order_id = uuid.UUID(order["id"])
    shop.flow()
    shop.start_packing(order_id)
    shop.pack(order_id)
    shop.flow()
    shop.ship(order_id)
    shop.deliver(order_id)
    shop.flow()

    guest = APIClient(headers={"Order-Token": order["guest_link"]["token"]})
    assert ok(guest.get(f"/api/v1/orders/{order_id}"))["state"] == "FULFILLED"
    (invoice,) = ok(guest.get(f"/api/v1/invoices?order={order_id}"))["results"]
    assert (invoice["buyer"]["email"], invoice["total"]["amount"]) == ("ann@example.com", 2000)
    assert guest.get(f"/api/v1/invoices/{invoice['id']}/pdf").status_code == 302
    number, told = order["number"], [(each.subject, len(each.attachments)) for each in mail.outbox]
    assert sorted(told) == sorted(
        [
            (f"Ihre Bestellung {number}", 0),
            # What is heard to have arrived before it was heard to be sent is told as arrived alone.
            *[(f"Ihre Bestellung {number} ist unterwegs", 0) for _ in published(OrderShipped)],
            (f"Rechnung {invoice['number']} zu Ihrer Bestellung {number}", 1),
        ]
    )


def test_a_placed_order_is_cancelled_at_once(shop: Shop, gateway: FakeGateway) -> None:
    lamp = shop.product(stock=5)
    order = shop.order({lamp: 2})
    assert ok(shop.cancel(order))["state"] == "CANCELLED"

    shop.flow()
    assert shop.states(order)["order"] == "CANCELLED"
    assert (shop.stock(lamp), kept(gateway)) == ((5, 0), 0)


def test_the_warehouse_stops_a_cancelled_order_while_it_is_packed(
    shop: Shop, gateway: FakeGateway
) -> None:
    lamp = shop.product(stock=5)
    order = shop.confirmed({lamp: 2})
    shop.start_packing(order)
    assert ok(shop.cancel(order))["state"] == "CANCELLING"

    shop.flow()
    assert shop.states(order) == {
        "order": "CANCELLED",
        "payment": "VOIDED",
        "packaging": "CANCELLED",
        "shipment": None,
        "invoices": [],
    }
    assert (shop.stock(lamp), kept(gateway)) == ((5, 0), 0)


def test_delivery_stops_a_cancelled_order_that_is_packed_and_the_goods_go_back(
    shop: Shop, gateway: FakeGateway
) -> None:
    lamp = shop.product(stock=5)
    order = shop.packed({lamp: 2})
    assert shop.cancel(order).status_code == 409  # too late for the customer
    assert ok(shop.cancel(order, by=shop.support))["state"] == "CANCELLING"

    shop.flow()
    assert shop.states(order) == {
        "order": "CANCELLED",
        "payment": "VOIDED",
        "packaging": "CANCELLED",
        "shipment": "CANCELLED",
        "invoices": [],
    }
    assert (shop.stock(lamp), kept(gateway)) == ((5, 0), 0)


def test_a_package_completed_before_the_request_arrives_is_stopped_by_delivery(
    shop: Shop, gateway: FakeGateway
) -> None:
    lamp = shop.product(stock=5)
    order = shop.confirmed({lamp: 2})
    shop.start_packing(order)
    ok(shop.cancel(order))
    shop.pack(order)  # the request has not reached the warehouse yet

    shop.flow()
    assert shop.states(order)["order"] == "CANCELLED"
    assert (shop.stock(lamp), kept(gateway)) == ((5, 0), 0)


def test_a_shipment_that_has_started_is_not_cancelled(shop: Shop, gateway: FakeGateway) -> None:
    lamp = shop.product(stock=5)
    order = shop.packed({lamp: 2})
    ok(shop.cancel(order, by=shop.support))
    shop.ship(order)  # the request has not reached delivery yet
    shop.flow()

    answer = ok(shop.customer.get(f"/api/v1/orders/{order}"))
    assert (answer["state"], answer["cancellation"]["is_refused"]) == ("SHIPPED", True)

    shop.deliver(order)
    shop.flow()
    assert shop.states(order)["order"] == "FULFILLED"
    assert books(gateway) == [("CAPTURED", 0, 2000, 0)]


def test_an_order_partly_packed_costs_what_was_packed(shop: Shop, gateway: FakeGateway) -> None:
    lamp, rug = shop.product(stock=5, price=1000), shop.product(stock=5, price=300)
    order = shop.packed({lamp: 2, rug: 3}, counted={lamp: 1})

    assert shop.states(order)["order"] == "PACKAGED"
    assert shop.money(order) == (1900, 0, 0)
    assert (shop.stock(lamp), shop.stock(rug)) == ((4, 0), (2, 0))

    shop.ship(order)
    shop.deliver(order)
    shop.flow()
    assert shop.states(order) == {
        "order": "FULFILLED",
        "payment": "CAPTURED",
        "packaging": "COMPLETED",
        "shipment": "COMPLETED",
        "invoices": [1900],
    }
    assert books(gateway) == [("CAPTURED", 0, 1900, 0)]


def test_an_order_of_which_nothing_could_be_packed_fails(shop: Shop, gateway: FakeGateway) -> None:
    lamp = shop.product(stock=5)
    order = shop.packed({lamp: 2}, counted={lamp: 0})

    assert shop.states(order) == {
        "order": "PACKAGING_FAILED",
        "payment": "VOIDED",
        "packaging": "FAILED",
        "shipment": None,
        "invoices": [],
    }
    assert (shop.stock(lamp), kept(gateway)) == ((5, 0), 0)


def test_an_order_that_could_not_be_delivered_fails_and_the_goods_go_back(
    shop: Shop, gateway: FakeGateway
) -> None:
    lamp = shop.product(stock=5)
    order = shop.packed({lamp: 2})
    shop.ship(order)
    shop.fail_delivery(order)
    shop.flow()

    states = shop.states(order)
    assert (states["order"], states["payment"], states["shipment"], states["invoices"]) == (
        "DELIVERY_FAILED",
        "VOIDED",
        "FAILED",
        [],
    )
    assert (shop.stock(lamp), kept(gateway)) == ((5, 0), 0)


def test_an_order_that_hears_nothing_is_cancelled_when_its_time_is_over(
    shop: Shop, gateway: FakeGateway
) -> None:
    lamp = shop.product(stock=5)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        order = shop.order({lamp: 2})
        clock.shift(dt.timedelta(minutes=14))
        jobs.run("orders.time_out_orders")
        assert shop.states(order)["order"] == "PLACED"
        clock.shift(dt.timedelta(minutes=2))
        jobs.run("orders.time_out_orders")
        assert shop.states(order)["order"] == "CANCELLED"

    shop.flow()
    assert shop.states(order)["order"] == "CANCELLED"
    assert (shop.stock(lamp), kept(gateway)) == ((5, 0), 0)


def test_a_new_address_is_shipped_to(shop: Shop) -> None:
    lamp = shop.product(stock=5)
    order = shop.confirmed({lamp: 1})
    shop.move(order, city="Uppsala")
    shop.flow()

    assert shop.address_of_shipment_after_packing(order)["city"] == "Uppsala"


def test_a_capture_that_is_refused_leaves_the_order_fulfilled_and_uninvoiced(
    shop: Shop, gateway: FakeGateway
) -> None:
    lamp = shop.product(stock=5)
    order = shop.packed({lamp: 2}, card=CAPTURE_REFUSED_CARD)
    shop.ship(order)
    shop.deliver(order)
    shop.flow()

    states = shop.states(order)
    assert (states["order"], states["payment"], states["invoices"]) == (
        "FULFILLED",
        "CAPTURE_FAILED",
        [],
    )


def test_a_refund_ends_in_a_credit_note(shop: Shop, gateway: FakeGateway) -> None:
    lamp = shop.product(stock=5)
    order = shop.packed({lamp: 2})
    shop.ship(order)
    shop.deliver(order)
    shop.flow()
    shop.refund(order, amount=500)
    shop.flow()

    assert shop.money(order) == (2000, 2000, 500)
    assert shop.credit_notes(order) == [500]
    assert books(gateway) == [("CAPTURED", 0, 2000, 500)]


def test_the_same_order_twice_is_one(shop: Shop) -> None:
    lamp = shop.product(stock=5)
    key = str(uuid.uuid4())  # noqa: TID251
    body = shop.order_body({lamp: 1})
    first, second = (
        shop.customer.post("/api/v1/orders", body, headers={"Idempotency-Key": key})
        for _ in range(2)
    )

    assert ok(first)["id"] == ok(second)["id"]
    assert second["Idempotent-Replayed"] == "true"
    shop.flow()
    assert shop.stock(lamp) == (5, 1)
