"""What the warehouse's tests say to it, and how they look at it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.db.models import Sum

from apps.orders.events import (
    OrderCancellationRequested,
    OrderCancelled,
    OrderConfirmed,
    OrderFailed,
    OrderLine,
    OrderPlaced,
    Terms,
)
from apps.products.events import (
    Package,
    ProductCreated,
    ProductDeleted,
    ProductState,
    ProductUpdated,
)
from apps.warehouse import usecases
from apps.warehouse.events import StockLevelChanged
from apps.warehouse.models import Movement, PackagingLine, Stock
from kernel.bus.event import Event
from kernel.bus.outbox import publish
from kernel.bus.testing import Courier, in_order, published, run_until_quiet
from kernel.ids import new_id
from kernel.money import Money
from kernel.transactions import transaction

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
WAREHOUSE = {"warehouse"}


def tell(*events: Event, courier: Courier = in_order) -> list[Event]:
    """Let the warehouse hear events; return what it said."""
    with transaction():
        publish(*events)
    before = len(published())
    run_until_quiet(courier, only=WAREHOUSE)
    return published()[before:]


def said() -> list[Event]:
    """Return all that the warehouse ever said, but the levels of its stock."""
    return [
        event
        for event in published()
        if event.name.startswith("warehouse.") and not isinstance(event, StockLevelChanged)
    ]


def product_state(code: str = "LAMP", name: str = "Lamp") -> ProductState:
    return ProductState(
        code=code,
        name=name,
        description="Gives light.",
        model="L1",
        category="lamps",
        package=Package(width=100, length=100, height=100, weight=500),
        price=Money(amount=1000, currency="EUR"),
        is_active=True,
    )


def created(product_id: uuid.UUID, *, version: int = 1, **words: str) -> ProductCreated:
    state = product_state(**words)
    return ProductCreated(occurred_at=NOON, product_id=product_id, version=version, product=state)


def updated(product_id: uuid.UUID, *, version: int, **words: str) -> ProductUpdated:
    return ProductUpdated(
        occurred_at=NOON,
        product_id=product_id,
        version=version,
        old=product_state(),
        new=product_state(**words),
        changed=("name",),
    )


def deleted(product_id: uuid.UUID, *, version: int) -> ProductDeleted:
    return ProductDeleted(occurred_at=NOON, product_id=product_id, version=version)


def stocked(on_hand: int = 0, *, code: str = "LAMP") -> uuid.UUID:
    """Put so many of a new product on the shelf, outside of the log."""
    product_id = new_id()
    with transaction():
        usecases.remember_product(product_id=product_id, version=1, code=code, name="Lamp")
        usecases.open_stock(product_id=product_id, at=NOON)
        if on_hand:
            usecases.adjust_stock(
                product_id=product_id, delta=on_hand, reason="delivered", actor="test", at=NOON
            )
    run_until_quiet(only=WAREHOUSE)
    return product_id


def placed(
    order_id: uuid.UUID, lines: Mapping[uuid.UUID, int] | list[tuple[uuid.UUID, int]]
) -> OrderPlaced:
    pairs = list(lines.items()) if isinstance(lines, Mapping) else lines
    terms = Terms(
        lines=tuple(
            OrderLine(product_id=key, code="LAMP", name="Lamp", quantity=n, unit_price=1000)
            for key, n in pairs
        ),
        delivery_price=0,
        total=sum(n for _, n in pairs) * 1000,
        currency="EUR",
    )
    return OrderPlaced(
        occurred_at=NOON,
        order_id=order_id,
        version=1,
        number="7KQ2-M3XP",
        customer_id=None,
        person_id=order_id,
        terms=terms,
        country="SE",
        address=None,
        gateway="payment_3p",
        payment_token="tok_1",
    )


def confirmed(order_id: uuid.UUID) -> OrderConfirmed:
    return OrderConfirmed(occurred_at=NOON, order_id=order_id, version=2)


def cancel_asked(order_id: uuid.UUID) -> OrderCancellationRequested:
    return OrderCancellationRequested(
        occurred_at=NOON, order_id=order_id, version=3, requested_by="customer"
    )


def cancelled(order_id: uuid.UUID) -> OrderCancelled:
    return OrderCancelled(occurred_at=NOON, order_id=order_id, version=4, reason="requested")


def failed(order_id: uuid.UUID) -> OrderFailed:
    return OrderFailed(occurred_at=NOON, order_id=order_id, version=5, reason="delivery_failed")


def shelf(product_id: uuid.UUID) -> tuple[int, int]:
    """Return what is on hand and what of it is reserved."""
    stock = Stock.objects.get(product_id=product_id)
    return stock.on_hand, stock.reserved


def assert_the_books_agree() -> None:
    """Stock on hand is the sum of the ledger, the reserved part that of the lines set aside."""
    sums = Movement.objects.values_list("product_id").annotate(Sum("delta"))
    held = PackagingLine.objects.filter(request__goods="RESERVED").values_list("product_id")
    on_hand, reserved = dict(sums), dict(held.annotate(Sum("ordered")))
    found = {stock.product_id: (stock.on_hand, stock.reserved) for stock in Stock.objects.all()}
    assert found == {
        product_id: (on_hand.get(product_id, 0), reserved.get(product_id, 0))
        for product_id in found
    }
    assert all(0 <= reserved <= on_hand for on_hand, reserved in found.values())


def url(order_id: uuid.UUID, rest: str = "") -> str:
    return f"/api/v1/warehouse/packaging-requests/{order_id}{rest}"


def correct(client: Any, order_id: uuid.UUID, product_id: uuid.UUID, quantity: int) -> Any:
    """Say how many are in the package, with the ETag that was read just before."""
    etag = client.get(url(order_id)).headers.get("ETag", '"v1"')
    return client.patch(
        url(order_id, f"/lines/{product_id}"), {"quantity": quantity}, headers={"If-Match": etag}
    )
