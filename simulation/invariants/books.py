"""All that the modules say when all is quiet, read once."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, TypeVar

from django.db.models import Prefetch

from apps.delivery.models import Shipment
from apps.invoices.models import CreditNote, Document, Invoice, Mail
from apps.orders.models import Order, OrderLine, TimelineEntry
from apps.payment.models import Operation, Payment
from apps.warehouse.models import Movement, PackagingRequest, Stock
from kernel.bus.models import OutboxEvent
from simulation.world import World

Row = TypeVar("Row")


class Books:
    """Every table that an invariant speaks of, by the key that it asks for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.journal = world.shop.journal
        self.orders = _orders()
        self.payments = {row.order_id: row for row in Payment.objects.all()}
        self.operations = _grouped(Operation.objects.order_by("id"), "payment_id")
        self.requests = {row.order_id: row for row in PackagingRequest.objects.all()}
        self.shipments = {row.order_id: row for row in Shipment.objects.all()}
        self.stocks = {row.product_id: row for row in Stock.objects.order_by("product_id")}
        self.movements = list(Movement.objects.order_by("id"))
        self.invoices = {row.order_id: row for row in Invoice.objects.order_by("position")}
        self.credit_notes = list(CreditNote.objects.select_related("invoice").order_by("position"))
        self.documents = list(Document.objects.select_related("invoice", "credit_note"))
        self.mails = list(Mail.objects.order_by("id"))
        self.events = list(OutboxEvent.objects.order_by("sequence"))
        self.facts: dict[uuid.UUID | None, Counter[str]] = defaultdict(Counter)
        for event in self.events:
            self.facts[event.order_id][event.name] += 1
        self._numbers = {
            placed.id: number for number, placed in sorted(self.journal.orders.items())
        }

    def name(self, order_id: uuid.UUID) -> str:
        """Return how people call an order: by its number in the drawn acts, if it has one."""
        number = self._numbers.get(order_id)
        return f"Order {number}" if number else f"Order {order_id}, which nobody was promised,"

    def product(self, product_id: uuid.UUID) -> str:
        """Return how people call a product: by its place in the catalogue."""
        products = self.world.shop.products
        return f"Product {products.index(product_id) if product_id in products else product_id}"

    def subject(self, event: OutboxEvent) -> str:
        """Return how people call what an event is about."""
        return self.name(event.order_id) if event.order_id else self.product(event.subject)

    def fulfilled(self) -> list[Order]:
        """Return the orders whose goods have arrived."""
        return [order for order in self.orders.values() if order.state == Order.State.FULFILLED]


def _orders() -> dict[uuid.UUID, Order]:
    rows = Order.objects.order_by("id").prefetch_related(
        Prefetch("lines", OrderLine.objects.order_by("id")),
        Prefetch("timeline", TimelineEntry.objects.order_by("id")),
    )
    return {row.id: row for row in rows}


def _grouped(rows: Iterable[Row], name: str) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[getattr(row, name)].append(row)
    return found
