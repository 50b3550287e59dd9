"""An order, its payment and its stock as they were, told from events alone."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.audit.models import Record
from apps.audit.queries import folds
from apps.audit.queries.folds import Fact
from apps.orders.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderFailed,
    OrderFulfilled,
    OrderLine,
    OrderModified,
    OrderPackaged,
    OrderShipped,
    Terms,
)
from apps.payment.events import PaymentAmended, PaymentAuthorized, PaymentCaptured, PaymentRefunded
from apps.warehouse.events import (
    PackageCreated,
    PackagingStarted,
    StockLevelChanged,
    StockLine,
    StockReserved,
)
from kernel.bus.event import Event
from kernel.ids import new_id
from tests.audit.conftest import ADDRESS, NOON, placed

LAMP, ORDER, CUSTOMER = new_id(), new_id(), new_id()


def minute(number: int) -> dt.datetime:
    return NOON + dt.timedelta(minutes=number)


def terms(quantity: int) -> Terms:
    line = OrderLine(product_id=LAMP, code="L-1", name="Lamp", quantity=quantity, unit_price=990)
    return Terms(lines=(line,), delivery_price=10, total=990 * quantity + 10, currency="EUR")


def level(version: int, on_hand: int, reserved: int, *, at: dt.datetime) -> StockLevelChanged:
    return StockLevelChanged(
        occurred_at=at,
        product_id=LAMP,
        version=version,
        on_hand=on_hand,
        reserved=reserved,
        free=on_hand - reserved,
    )


def life() -> list[Event]:
    """Two lamps are ordered, one can be packed, arrives, is paid, and half of it paid back."""
    two = (StockLine(product_id=LAMP, quantity=2),)
    one = (StockLine(product_id=LAMP, quantity=1),)
    whose = {"customer_id": CUSTOMER, "person_id": CUSTOMER}
    own: dict[str, Any] = {"order_id": ORDER}
    money: dict[str, Any] = {**own, "currency": "EUR"}
    return [
        level(1, 5, 0, at=minute(0)),
        placed(ORDER, CUSTOMER, occurred_at=minute(1), terms=terms(2)),
        StockReserved(occurred_at=minute(2), **own, lines=two),
        level(2, 5, 2, at=minute(2)),
        PaymentAuthorized(occurred_at=minute(3), **money, amount=1990, gateway="payment_3p"),
        OrderConfirmed(occurred_at=minute(4), **own, version=2),
        PackagingStarted(occurred_at=minute(5), **own),
        PackageCreated(occurred_at=minute(6), **own, lines=one),
        level(3, 4, 0, at=minute(6)),
        OrderModified(
            occurred_at=minute(7),
            **own,
            **whose,
            version=3,
            old=terms(2),
            new=terms(1),
            old_address=ADDRESS,
            new_address=ADDRESS,
            changed=("lines", "total"),
        ),
        OrderPackaged(occurred_at=minute(7), **own, version=4),
        PaymentAmended(occurred_at=minute(8), **money, amount=1000),
        OrderShipped(occurred_at=minute(9), **own, version=5, tracking_number="T1"),
        OrderFulfilled(
            occurred_at=minute(10),
            **own,
            **whose,
            version=6,
            number="7KQ2-M3XP",
            terms=terms(1),
            address=ADDRESS,
        ),
        PaymentCaptured(occurred_at=minute(11), **money, amount=1000),
        PaymentRefunded(
            occurred_at=minute(12),
            **money,
            refund_id=new_id(),
            amount=500,
            refunded_total=500,
            reason="bent",
        ),
    ]


def facts(*events: Event) -> list[Fact]:
    return [Fact(event.name, event.model_dump(mode="json")) for event in events]


def brief(at: Any) -> Any:
    """Return of an answer what its minute should tell."""
    order, payment, packaging = at["order"], at["payment"], at["packaging"]
    return (
        order and (order["state"], order["version"], order["total"]),
        payment and tuple(payment.values()),
        packaging and packaging["state"],
        [(each["on_hand"], each["reserved"]) for each in at["stock"]],
    )


@pytest.mark.django_db
def test_each_minute_is_told_as_it_was(client_for: Any, heard: Callable[..., None]) -> None:
    heard(*life())
    support, told = client_for("support"), {}
    for number in range(1, 13):
        asked = {"at": minute(number).isoformat()}
        told[number] = brief(support.get(f"/api/v1/audit/orders/{ORDER}", asked).json())

    nothing, held = ("PENDING", 0, 0, 0), ("AUTHORIZED", 1990, 0, 0)
    assert told == {
        1: (("PLACED", 1, 1990), nothing, None, [(5, 0)]),
        2: (("PLACED", 1, 1990), nothing, "RESERVED", [(5, 2)]),
        3: (("PLACED", 1, 1990), held, "RESERVED", [(5, 2)]),
        4: (("CONFIRMED", 2, 1990), held, "NEW", [(5, 2)]),
        5: (("CONFIRMED", 2, 1990), held, "IN_PROGRESS", [(5, 2)]),
        6: (("CONFIRMED", 2, 1990), held, "COMPLETED", [(4, 0)]),
        7: (("PACKAGED", 4, 1000), held, "COMPLETED", [(4, 0)]),
        8: (("PACKAGED", 4, 1000), ("AUTHORIZED", 1000, 0, 0), "COMPLETED", [(4, 0)]),
        9: (("SHIPPED", 5, 1000), ("AUTHORIZED", 1000, 0, 0), "COMPLETED", [(4, 0)]),
        10: (("FULFILLED", 6, 1000), ("AUTHORIZED", 1000, 0, 0), "COMPLETED", [(4, 0)]),
        11: (("FULFILLED", 6, 1000), ("CAPTURED", 1000, 1000, 0), "COMPLETED", [(4, 0)]),
        12: (("FULFILLED", 6, 1000), ("REFUNDED", 1000, 1000, 500), "COMPLETED", [(4, 0)]),
    }


@pytest.mark.django_db
def test_the_whole_answer(client_for: Any, heard: Callable[..., None]) -> None:
    heard(*life())
    asked = {"at": minute(6).isoformat()}
    assert client_for("support").get(f"/api/v1/audit/orders/{ORDER}", asked).json() == {
        "order_id": str(ORDER),
        "at": "2026-03-01T12:06:00Z",
        "events": 6,
        "order": {
            "number": "7KQ2-M3XP",
            "customer_id": str(CUSTOMER),
            "state": "CONFIRMED",
            "version": 2,
            "reason": None,
            "tracking_number": None,
            "lines": [
                {
                    "product_id": str(LAMP),
                    "code": "L-1",
                    "name": "Lamp",
                    "quantity": 2,
                    "unit_price": 990,
                }
            ],
            "delivery_price": 10,
            "total": 1990,
            "currency": "EUR",
        },
        "payment": {"state": "AUTHORIZED", "authorized": 1990, "captured": 0, "refunded": 0},
        "packaging": {
            "state": "COMPLETED",
            "reserved": [{"product_id": str(LAMP), "quantity": 2}],
            "packed": [{"product_id": str(LAMP), "quantity": 1}],
            "released": [],
        },
        "stock": [{"product_id": str(LAMP), "version": 3, "on_hand": 4, "reserved": 0, "free": 4}],
    }


@pytest.mark.parametrize("seed", range(20))
def test_facts_count_by_what_they_say_and_not_by_when_they_came(seed: int) -> None:
    told = facts(*life())
    shuffled = random.Random(seed).sample(told, len(told))
    for fold in (folds.order, folds.payment, folds.packaging):
        assert fold(shuffled) == fold(told)


def test_a_payment_of_an_order_that_ended_holds_nothing() -> None:
    order = facts(placed(ORDER, CUSTOMER))
    own = {"occurred_at": NOON, "order_id": ORDER, "version": 2}
    ends = (
        OrderCancelled(**own, reason="timed_out"),
        OrderFailed(**own, reason="packaging_failed"),
    )
    for end in ends:
        payment = folds.payment([*order, *facts(end)])
        assert payment == {"state": "VOIDED", "authorized": 0, "captured": 0, "refunded": 0}
    assert [(folds.order([*order, *facts(end)]) or {})["state"] for end in ends] == [
        "CANCELLED",
        "PACKAGING_FAILED",
    ]


@pytest.mark.django_db
def test_of_two_that_waited_for_each_other_the_later_version_is_the_stock(
    client_for: Any, heard: Callable[..., None]
) -> None:
    """Who waits for a row's lock tells of the time at which it began to wait."""
    heard(placed(ORDER, CUSTOMER, terms=terms(1)))
    moments = [level(3, 9, 0, at=minute(-2)), level(2, 8, 0, at=minute(-1) - dt.timedelta(0, 30))]
    heard(*moments)

    found = client_for("support").get(f"/api/v1/audit/orders/{ORDER}").json()["stock"]
    assert [(each["version"], each["on_hand"]) for each in found] == [(3, 9)]


@pytest.mark.django_db
@pytest.mark.parametrize(("order_id", "at"), [(uuid.UUID(int=7), None), (ORDER, minute(0))])
def test_an_order_that_was_not_heard_of_by_then_is_not_found(
    client_for: Any, heard: Callable[..., None], order_id: uuid.UUID, at: dt.datetime | None
) -> None:
    heard(*life())
    asked = {"at": at.isoformat()} if at else {}
    answer = client_for("support").get(f"/api/v1/audit/orders/{order_id}", asked)
    assert (answer.status_code, answer.json()["code"]) == (404, "order_not_heard_of")


def test_others_than_support_are_refused(client_for: Any, anyone: APIClient) -> None:
    url = f"/api/v1/audit/orders/{ORDER}"
    assert [client.get(url).status_code for client in (anyone, client_for())] == [401, 403]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "code"), [({"at": "noon"}, "invalid"), ({"then": "1"}, "unknown_parameter")]
)
def test_a_time_that_makes_no_sense_is_refused(
    client_for: Any, asked: dict[str, str], code: str
) -> None:
    answer = client_for("support").get(f"/api/v1/audit/orders/{ORDER}", asked)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.django_db
def test_a_record_in_the_admin_shows_the_order_as_it_was_then(
    admin_client: Client, heard: Callable[..., None]
) -> None:
    heard(*life())
    record = Record.objects.get(name="orders.order_confirmed.v1")
    page = admin_client.get(f"/admin/audit/record/{record.pk}/change/").content.decode()
    assert "&quot;state&quot;: &quot;CONFIRMED&quot;" in page
    assert "FULFILLED" not in page
