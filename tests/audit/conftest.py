from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from apps.orders.events import OrderLine, OrderPlaced, Terms
from apps.payment.events import PaymentCaptured
from kernel.address import Address
from kernel.bus.event import Event
from kernel.bus.outbox import publish
from kernel.bus.testing import Courier, in_order, run_until_quiet
from kernel.ids import new_id
from kernel.transactions import transaction

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
ADDRESS = Address(
    name="Ada Lovelace",
    street_address="Storgatan 1",
    post_code="111 22",
    city="Stockholm",
    country="SE",
    phone_number="+46701234567",
)


def placed(order_id: uuid.UUID, customer_id: uuid.UUID, **changes: Any) -> OrderPlaced:
    line = OrderLine(product_id=new_id(), code="L-1", name="Lamp", quantity=2, unit_price=990)
    facts = {
        "occurred_at": NOON,
        "order_id": order_id,
        "version": 1,
        "number": "7KQ2-M3XP",
        "customer_id": customer_id,
        "person_id": customer_id,
        "terms": Terms(lines=(line,), delivery_price=0, total=1980, currency="EUR"),
        "country": "SE",
        "address": ADDRESS,
        "gateway": "payment_3p",
        "payment_token": "tok_1",
    }
    return OrderPlaced(**{**facts, **changes})


def captured(order_id: uuid.UUID, *, minutes: int = 1) -> PaymentCaptured:
    at = NOON + dt.timedelta(minutes=minutes)
    return PaymentCaptured(occurred_at=at, order_id=order_id, amount=1980, currency="EUR")


def tell(*events: Event) -> None:
    with transaction():
        publish(*events)


def flow(courier: Courier = in_order) -> None:
    """Let audit hear what was published, and nobody else."""
    run_until_quiet(courier, only={"audit"})


@pytest.fixture
def heard(db: None) -> Callable[..., None]:
    """Publish events and let them arrive."""

    def hear(*events: Event) -> None:
        tell(*events)
        flow()

    return hear


def partitions() -> list[str]:
    """Return the tables in which the records lie."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'audit_record'::regclass ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]
