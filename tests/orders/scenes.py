"""What the orders' tests say to it, and how they look at it."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Mapping
from typing import Any

from rest_framework.test import APIClient

from apps.delivery.events import (
    AddressChangeRefused,
    DeliveryCompleted,
    DeliveryFailed,
    ShipmentCancelled,
    ShipmentStarted,
)
from apps.orders.models import Order, TimelineEntry
from apps.payment.events import PaymentAuthorized, PaymentCaptured, PaymentDeclined
from apps.products.events import Package, ProductCreated, ProductState
from apps.warehouse.events import (
    PackageCreated,
    PackagingCancelled,
    PackagingFailed,
    ShortLine,
    StockLevelChanged,
    StockLine,
    StockReserved,
    StockShort,
)
from kernel.address import Address
from kernel.bus.event import Event
from kernel.bus.outbox import publish
from kernel.bus.testing import Courier, in_order, published, run_until_quiet
from kernel.ids import new_id
from kernel.money import Money
from kernel.signing import sign
from kernel.transactions import transaction

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
ORDERS = "/api/v1/orders"
ADDRESS = {
    "name": "Ann Archer",
    "company_name": "",
    "street_address": "Storgatan 1",
    "post_code": "111 22",
    "city": "Stockholm",
    "state": "",
    "country": "SE",
    "phone_number": "+46701234567",
}
ELSEWHERE = {**ADDRESS, "street_address": "Lillgatan 2"}
Lines = Mapping[uuid.UUID, int]
_codes = itertools.count(1)


def tell(*events: Event, courier: Courier = in_order) -> None:
    """Let orders hear events, and nobody else."""
    with transaction():
        publish(*events)
    run_until_quiet(courier, only={"orders"})


def product_state(**fields: Any) -> ProductState:
    return ProductState(
        **{
            "code": f"LAMP-{next(_codes)}",
            "name": "Lamp",
            "description": "Gives light.",
            "model": "L1",
            "category": "lamps",
            "package": Package(width=100, length=100, height=100, weight=500),
            "price": Money(amount=1000, currency="EUR"),
            "is_active": True,
            **fields,
        }
    )


def on_sale(*, stock: int | None = 100, **fields: Any) -> uuid.UUID:
    """Let orders hear of a product and of its stock."""
    product_id = new_id()
    tell(
        ProductCreated(
            occurred_at=NOON, product_id=product_id, version=1, product=product_state(**fields)
        )
    )
    if stock is not None:
        tell(stock_level(product_id, stock))
    return product_id


def stock_level(product_id: uuid.UUID, free: int, version: int = 1) -> StockLevelChanged:
    return StockLevelChanged(
        occurred_at=NOON,
        product_id=product_id,
        version=version,
        on_hand=free,
        reserved=0,
        free=free,
    )


def quote(lines: Lines, country: str = "SE", amount: int = 500, currency: str = "EUR") -> str:
    value = {
        "country": country,
        "lines": [[str(id_), lines[id_]] for id_ in sorted(lines)],
        "amount": amount,
        "currency": currency,
    }
    return sign(value, purpose="delivery-quote", expires_at=NOON + dt.timedelta(minutes=30))


def body(wanted: Lines, /, **fields: Any) -> dict[str, Any]:
    """Return the body of a POST that places an order."""
    return {
        "lines": [{"product_id": str(id_), "quantity": count} for id_, count in wanted.items()],
        "address": ADDRESS,
        "delivery_quote": quote(wanted),
        "payment_token": "tok-1",
        **fields,
    }


class Scene:
    """A customer with an order of two lamps and a rug, and what the others say of it."""

    def __init__(self, customer: APIClient, staff: APIClient) -> None:
        self.customer, self.staff = customer, staff
        self.lamp = on_sale(code="LAMP", name="Lamp", price=Money(amount=1000, currency="EUR"))
        self.rug = on_sale(code="RUG", name="Rug", price=Money(amount=700, currency="EUR"))
        self.lines = {self.lamp: 2, self.rug: 1}
        answer = customer.post(ORDERS, body(self.lines))
        assert answer.status_code == 201, answer.json()
        self.id = uuid.UUID(answer.json()["id"])

    @property
    def url(self) -> str:
        return f"{ORDERS}/{self.id}"

    @property
    def order(self) -> Order:
        return Order.objects.get(id=self.id)

    @property
    def row(self) -> dict[str, Any]:
        """The order as it is stored, with its lines and its timeline."""
        row = Order.objects.filter(id=self.id).values().get()
        lines = self.order.lines.order_by("id").values_list("product_id", "quantity")
        return {**row, "lines": list(lines), "timeline": self.timeline}

    @property
    def timeline(self) -> list[str]:
        entries = TimelineEntry.objects.filter(order=self.id).order_by("id")
        return list(entries.values_list("what", flat=True))

    def said(self) -> list[Event]:
        """Return what orders has said of it."""
        return [
            event
            for event in published()
            if event.name.startswith("orders.") and event.order_id_or_none == self.id
        ]

    def event(self, name: str, **fields: Any) -> Event:
        """Return what another module says of the order."""
        kind = KINDS[name]
        defaults = {**self._defaults(name), "occurred_at": NOON, "order_id": self.id}
        return kind(**{**defaults, **fields})

    def hear(self, *names: str) -> None:
        """Let orders hear these events, one after the other."""
        for name in names:
            tell(self.event(name))

    def ask(self, ask: str) -> Any:
        """Ask for what a column of the state table names; return the answer."""
        if ask == "address changes":
            version = f'"v{self.order.version}"'
            change = {"address": ELSEWHERE}
            return self.customer.patch(self.url, change, headers={"If-Match": version})
        asker = self.staff if ask == "staff cancels" else self.customer
        return asker.post(f"{self.url}/cancel")

    def _defaults(self, name: str) -> dict[str, Any]:
        packed = tuple(StockLine(product_id=i, quantity=n) for i, n in self.lines.items())
        address, person = Address(**ADDRESS), self.customer.user_id  # type: ignore[attr-defined]
        money = {"amount": 3200, "currency": "EUR"}
        shipment = {"shipment_id": new_id(), "tracking_number": "T-1", "address": address}
        fields: dict[str, dict[str, Any]] = {
            "StockReserved": {"lines": packed},
            "StockShort": {"lines": (ShortLine(product_id=self.lamp, wanted=2, free=1),)},
            "PaymentAuthorized": {**money, "gateway": "payment_3p"},
            "PaymentDeclined": {"reason": "card_declined"},
            "PackageCreated": {"lines": packed},
            "ShipmentStarted": {**shipment, "person_id": person},
            "DeliveryFailed": {"reason": "nobody at home"},
            "AddressChangeRefused": {"person_id": person, "shipped_to": Address(**ELSEWHERE)},
            "PaymentCaptured": money,
        }
        return fields.get(name, {})


KINDS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        StockReserved,
        StockShort,
        PaymentAuthorized,
        PaymentDeclined,
        PackagingFailed,
        PackageCreated,
        PackagingCancelled,
        ShipmentStarted,
        ShipmentCancelled,
        DeliveryCompleted,
        DeliveryFailed,
        AddressChangeRefused,
        PaymentCaptured,
    )
}
