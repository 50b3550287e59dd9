"""Orders as payment hears of them, and what a test looks at afterwards."""

from __future__ import annotations

import random
import uuid
from typing import Any

from apps.orders import events as orders
from apps.payment import usecases
from apps.payment.events import OperationRequested
from apps.payment.gateway import FakeGateway
from apps.payment.gateway.fake import GOOD_CARD
from apps.payment.models import Payment
from kernel.bus import inbox
from kernel.bus.envelope import Envelope
from kernel.bus.event import Event
from kernel.bus.models import OutboxEvent
from kernel.bus.outbox import publish
from kernel.bus.testing import Courier, in_order, newly_sent, published, run_until_quiet
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.conftest import NOON

OUTSIDE = "payment-outside"


def terms(total: int, currency: str = "EUR") -> orders.Terms:
    line = orders.OrderLine(
        product_id=uuid.UUID(int=1), code="lamp", name="Lamp", quantity=1, unit_price=total
    )
    return orders.Terms(lines=(line,), delivery_price=0, total=total, currency=currency)


class Order:
    """An order as payment hears of it: each method makes an event."""

    def __init__(self, fake: FakeGateway, *, total: int = 1_000, card: str = GOOD_CARD) -> None:
        self.id, self.total = new_id(), total
        self.token = fake.preauth(card, amount=total)

    def placed(self, **changes: Any) -> orders.OrderPlaced:
        event = orders.OrderPlaced(
            occurred_at=NOON,
            order_id=self.id,
            version=1,
            number="A-1",
            customer_id=None,
            person_id=self.id,
            terms=terms(self.total),
            country="SE",
            address=None,
            gateway="payment_3p",
            payment_token=self.token,
        )
        return event.model_copy(update=changes)

    def modified(self, total: int, *, version: int = 2) -> orders.OrderModified:
        return orders.OrderModified(
            occurred_at=NOON,
            order_id=self.id,
            version=version,
            customer_id=None,
            person_id=self.id,
            old=terms(self.total),
            new=terms(total),
            old_address=None,
            new_address=None,
            changed=("lines", "total"),
        )

    def shipped(self, *, version: int = 7) -> orders.OrderShipped:
        return orders.OrderShipped(
            occurred_at=NOON, order_id=self.id, version=version, tracking_number="T-1"
        )

    def fulfilled(self, total: int | None = None, *, version: int = 9) -> orders.OrderFulfilled:
        return orders.OrderFulfilled(
            occurred_at=NOON,
            order_id=self.id,
            version=version,
            number="A-1",
            customer_id=None,
            person_id=self.id,
            terms=terms(self.total if total is None else total),
            address=None,
        )

    def cancelled(self, *, version: int = 8) -> orders.OrderCancelled:
        return orders.OrderCancelled(
            occurred_at=NOON, order_id=self.id, version=version, reason="requested"
        )

    def failed(self, *, version: int = 8) -> orders.OrderFailed:
        return orders.OrderFailed(
            occurred_at=NOON, order_id=self.id, version=version, reason="delivery_failed"
        )

    @property
    def payment(self) -> Payment:
        return Payment.objects.get(order_id=self.id)

    def refund(self, amount: int) -> uuid.UUID:
        with transaction():
            operation = usecases.request_refund(
                order_id=self.id, amount=amount, reason="broken", at=NOON
            )
        return operation.id


def flow(courier: Courier = in_order) -> None:
    """Let what was published, and what follows, flow to payment alone."""
    run_until_quiet(courier, only={OUTSIDE})


def say(*events: Event) -> None:
    """Publish events, and let them flow."""
    publish_all(*events)
    flow()


def publish_all(*events: Event) -> None:
    with transaction():
        publish(*events)


def send_again() -> None:
    """Let everything that was ever published come once more."""
    OutboxEvent.objects.update(sent_at=None)
    flow()


def told() -> list[Event]:
    """Return what payment told the others, oldest first, without its times."""
    ours = [event for event in published() if event.name.startswith("payment.")]
    return [event for event in ours if not isinstance(event, OperationRequested)]


def names() -> list[str]:
    """Return the names of what payment told the others, without module and version."""
    return [event.name.split(".")[1].removeprefix("payment_") for event in told()]


def money(payment: Payment) -> tuple[str, int, int, int]:
    return payment.state, payment.authorized, payment.captured, payment.refunded


def assert_books_agree(order: Order, fake: FakeGateway) -> None:
    """Compare our books with the gateway's."""
    payment, account = order.payment, fake.accounts[order.token]
    held = payment.authorized if payment.state in {"AUTHORIZED", "CAPTURE_FAILED"} else 0
    assert (held, payment.captured, payment.refunded) == (
        account.held,
        account.captured,
        account.refunded,
    )
    assert not payment.operations.filter(state="WISHED").exists()


def run_stubbornly(seed: int) -> None:
    """
    Deliver in an order that the seed draws, everything twice, and what fails again and again.

    :raises AssertionError: if it never ends.
    """
    dice, came = random.Random(seed), set()
    messages: list[tuple[str, Envelope]] = []
    for _ in range(500):
        messages += [sent for sent in newly_sent() if sent[0] == OUTSIDE]
        if not messages:
            return
        queue, envelope = message = messages.pop(dice.randrange(len(messages)))
        is_done = inbox.deliver(queue, [envelope])
        if not is_done or envelope.event_id not in came:
            messages.append(message)
        came.add(envelope.event_id)
    raise AssertionError("Still messages after 500 deliveries.")
