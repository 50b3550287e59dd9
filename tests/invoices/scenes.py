"""What the others say of an order, and who hears it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from apps.orders.events import Discount, OrderFulfilled, OrderLine, TaxLine, Terms
from apps.payment.events import PaymentCaptured, PaymentRefunded
from apps.users.events import UserRegistered
from kernel.address import Address
from kernel.bus.event import Event
from kernel.bus.outbox import publish
from kernel.bus.testing import Courier, in_order, run_until_quiet
from kernel.ids import new_id
from kernel.transactions import transaction

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
LAMP = uuid.UUID(int=1)
ADDRESS = Address(
    name="Ada Lovelace",
    company_name="Analytical Engines Ltd",
    street_address="Storgatan 1",
    post_code="111 22",
    city="Stockholm",
    country="SE",
    phone_number="+46701234567",
)
TERMS = Terms(
    lines=(
        OrderLine(
            product_id=LAMP,
            code="L-1",
            name="Lamp",
            quantity=2,
            unit_price=4990,
            discount=500,
            tax=1896,
            tax_rate_percent="25",
        ),
    ),
    delivery_price=1000,
    delivery_tax=200,
    delivery_tax_rate_percent="25",
    tax_lines=(TaxLine(name="VAT", rate_percent="25", net=8384, amount=2096),),
    discounts=(Discount(code="SPRING", amount=500),),
    total=10480,
    currency="EUR",
)


def fulfilled(order_id: uuid.UUID, **changes: Any) -> OrderFulfilled:
    customer_id = changes.pop("customer_id", None) or new_id()
    facts = {
        "occurred_at": NOON,
        "order_id": order_id,
        "version": 7,
        "number": "7KQ2-M3XP",
        "customer_id": customer_id,
        "person_id": customer_id,
        "terms": TERMS,
        "address": ADDRESS,
        "locale": "en",
    }
    return OrderFulfilled(**{**facts, **changes})


def captured(order_id: uuid.UUID) -> PaymentCaptured:
    at = NOON + dt.timedelta(seconds=5)
    return PaymentCaptured(occurred_at=at, order_id=order_id, amount=10480, currency="EUR")


def refunded(order_id: uuid.UUID, amount: int = 4990, *, minutes: int = 9) -> PaymentRefunded:
    return PaymentRefunded(
        occurred_at=NOON + dt.timedelta(minutes=minutes),
        order_id=order_id,
        refund_id=new_id(),
        amount=amount,
        refunded_total=amount,
        currency="EUR",
        reason="Arrived broken",
    )


def registered(user_id: uuid.UUID, email: str = "Ada@example.com") -> UserRegistered:
    return UserRegistered(
        occurred_at=NOON, user_id=user_id, version=1, email=email, name_of_user="Ada"
    )


def tell(*events: Event) -> None:
    with transaction():
        publish(*events)


def flow(courier: Courier = in_order) -> None:
    """Let invoices hear what was published, and nobody else."""
    run_until_quiet(courier, only={"invoices", "invoices-outside"})
