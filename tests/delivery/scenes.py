"""What delivery's tests say to it, and how they look at it."""

from __future__ import annotations

import datetime as dt
import importlib
import uuid
from typing import Any, Literal

from django.apps import apps

from apps.delivery import usecases
from apps.delivery.models import Shipment
from apps.orders.events import (
    OrderCancellationRequested,
    OrderCancelled,
    OrderFailed,
    OrderLine,
    OrderModified,
    OrderPlaced,
    Terms,
)
from apps.warehouse.events import PackageCreated, StockLine
from kernel.address import Address
from kernel.bus.event import Event
from kernel.bus.outbox import publish
from kernel.bus.testing import Courier, in_order, published, run_until_quiet
from kernel.ids import new_id
from kernel.transactions import transaction

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
PRODUCT_ID = uuid.UUID("01900000-0000-7000-8000-000000000001")
TERMS = Terms(
    lines=(
        OrderLine(product_id=PRODUCT_ID, code="LAMP", name="Lamp", quantity=2, unit_price=1000),
    ),
    delivery_price=0,
    total=2000,
    currency="EUR",
)
HOME = Address(
    name="Ada Lovelace",
    street_address="Storgatan 1",
    post_code="111 22",
    city="Stockholm",
    country="SE",
    phone_number="+46701234567",
)
WORK = HOME.model_copy(update={"street_address": "Drottninggatan 2"})
COTTAGE = HOME.model_copy(update={"street_address": "Skogsstigen 3", "city": "Uppsala"})


def make_zones() -> None:
    """Make the zones that a new shop has, should a test before have emptied the tables."""
    migration = importlib.import_module("apps.delivery.migrations.0002_default_zones")
    migration.make_zones(apps, None)


def tell(*events: Event, courier: Courier = in_order) -> list[Event]:
    """Let delivery hear events; return what was published after them."""
    with transaction():
        publish(*events)
    before = len(published())
    run_until_quiet(courier, only={"delivery"})
    return published()[before:]


def said() -> list[Event]:
    """Return all that delivery ever said."""
    return [event for event in published() if event.name.startswith("delivery.")]


def product(
    size: tuple[int, int, int] = (100, 100, 100), weight: int = 500, *, version: int = 1
) -> uuid.UUID:
    """Let delivery know a new product."""
    product_id = new_id()
    with transaction():
        usecases.remember_product(
            product_id=product_id, version=version, code="LAMP", size=size, weight=weight
        )
    return product_id


def placed(order_id: uuid.UUID, address: Address | None = HOME) -> OrderPlaced:
    return OrderPlaced(
        occurred_at=NOON,
        order_id=order_id,
        version=1,
        number="7KQ2-M3XP",
        customer_id=None,
        person_id=order_id,
        terms=TERMS,
        country="SE",
        address=address,
        gateway="payment_3p",
        payment_token="tok_1",
    )


def modified(
    order_id: uuid.UUID,
    address: Address | None,
    *,
    version: int,
    changed: tuple[Literal["lines", "total", "address"], ...] = ("address",),
) -> OrderModified:
    return OrderModified(
        occurred_at=NOON,
        order_id=order_id,
        version=version,
        customer_id=None,
        person_id=order_id,
        old=TERMS,
        new=TERMS,
        old_address=HOME,
        new_address=address,
        changed=changed,
    )


def packed(order_id: uuid.UUID) -> PackageCreated:
    lines = (StockLine(product_id=PRODUCT_ID, quantity=2),)
    return PackageCreated(occurred_at=NOON, order_id=order_id, lines=lines)


def cancel_asked(order_id: uuid.UUID) -> OrderCancellationRequested:
    return OrderCancellationRequested(
        occurred_at=NOON, order_id=order_id, version=3, requested_by="customer"
    )


def cancelled(order_id: uuid.UUID) -> OrderCancelled:
    return OrderCancelled(occurred_at=NOON, order_id=order_id, version=4, reason="requested")


def failed(order_id: uuid.UUID) -> OrderFailed:
    return OrderFailed(occurred_at=NOON, order_id=order_id, version=5, reason="packaging_failed")


def row(order_id: uuid.UUID) -> dict[str, Any] | None:
    return Shipment.objects.filter(order_id=order_id).values().first()


def url(order_id: uuid.UUID, rest: str = "") -> str:
    return f"/api/v1/delivery/shipments/{order_id}{rest}"
