"""The log tells each fact once, and tells all that became true."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator

from apps.orders.models import Order
from apps.payment.models import Payment
from apps.products.models import Product
from simulation.invariants.books import Books

# Of the facts of one row an order has at most one.
ONE_OF = (
    ("orders.order_placed",),
    ("orders.order_confirmed",),
    ("orders.order_packaged",),
    ("orders.order_shipped",),
    ("orders.order_cancellation_requested",),
    ("orders.order_fulfilled", "orders.order_cancelled", "orders.order_failed"),
    ("warehouse.stock_reserved", "warehouse.stock_short"),
    ("warehouse.stock_released",),
    ("warehouse.packaging_started",),
    ("warehouse.package_created", "warehouse.packaging_failed", "warehouse.packaging_cancelled"),
    ("delivery.shipment_created",),
    ("delivery.shipment_started", "delivery.shipment_cancelled"),
    ("delivery.delivery_completed", "delivery.delivery_failed"),
    ("payment.payment_authorized", "payment.payment_declined"),
    ("payment.payment_captured", "payment.payment_voided"),
    ("invoices.invoice_issued",),
)
_SOLD = ("orders.order_confirmed", "warehouse.stock_reserved", "payment.payment_authorized")
# What must have been told of an order that ended so.
TOLD = {
    Order.State.FULFILLED: (
        *_SOLD,
        "warehouse.package_created",
        "delivery.shipment_started",
        "delivery.delivery_completed",
        "orders.order_fulfilled",
    ),
    Order.State.CANCELLED: ("orders.order_cancelled",),
    Order.State.PACKAGING_FAILED: (*_SOLD, "warehouse.packaging_failed", "orders.order_failed"),
    Order.State.DELIVERY_FAILED: (
        *_SOLD,
        "warehouse.package_created",
        "delivery.shipment_started",
        "delivery.delivery_failed",
        "warehouse.stock_released",
        "orders.order_failed",
    ),
}


def facts_are_told_once(books: Books) -> Iterator[str]:
    """Of each thing that happened the log has one event, of nothing else any."""
    for order in books.orders.values():
        yield from _told_twice(books, order.id)
        yield from _untold(books, order)
    for stranger in sorted(set(filter(None, books.facts)) - books.orders.keys()):
        yield f"The log speaks of an order that isn't there: {stranger}."
    yield from _versions(books)
    yield from _of_money(books)


def _told_twice(books: Books, order_id: uuid.UUID) -> Iterator[str]:
    facts = books.facts[order_id]
    for names in ONE_OF:
        told = {name: facts[f"{name}.v1"] for name in names if facts[f"{name}.v1"]}
        if sum(told.values()) > 1:
            yield f"{books.name(order_id)} is told {_counted(told)}: once at most."


def _untold(books: Books, order: Order) -> Iterator[str]:
    expected = {"orders.order_placed", *TOLD.get(Order.State(order.state), ())}
    request, payment = books.requests.get(order.id), books.payments.get(order.id)
    if request and request.goods == request.Goods.FREED:
        expected.add("warehouse.stock_released")
    if payment and payment.state in {Payment.State.CAPTURED, Payment.State.REFUNDED}:
        expected.add("payment.payment_captured")
    if payment and payment.state == Payment.State.DECLINED:
        expected.add("payment.payment_declined")
    for name in sorted(expected):
        if not books.facts[order.id][f"{name}.v1"]:
            yield f"{books.name(order.id)} is {order.state}, and the log has no {name}."


def _versions(books: Books) -> Iterator[str]:
    """Compare the versions that were told with those that there were."""
    told: dict[tuple[str, uuid.UUID], list[int]] = defaultdict(list)
    for event in books.events:
        if version := event.payload.get("version"):
            kind = "stock" if "stock_level" in event.name else event.name.split(".")[0]
            told[kind, event.subject].append(version)
    for product_id, stock in books.stocks.items():
        yield from _gaps(
            f"The stock of {books.product(product_id)}", told["stock", product_id], stock.version
        )
    for product in Product.objects.order_by("id"):
        yield from _gaps(books.product(product.id), told["products", product.id], product.version)
    for order in books.orders.values():
        versions = told["orders", order.id]
        if len(set(versions)) != len(versions):
            yield f"{books.name(order.id)} has told a version twice: {sorted(versions)}."


def _gaps(what: str, told: list[int], newest: int) -> Iterator[str]:
    if sorted(told) != list(range(1, newest + 1)):
        yield f"{what} is at version {newest}; told were {sorted(told)}."


def _of_money(books: Books) -> Iterator[str]:
    """Compare what was told of refunds and documents with what there is."""
    issued = {str(invoice.id) for invoice in books.invoices.values()}
    credited = {str(note.refund_id) for note in books.credit_notes}
    for name, field, there in (
        ("invoices.invoice_issued.v1", "invoice_id", issued),
        ("invoices.credit_note_issued.v1", "refund_id", credited),
        ("payment.payment_refunded.v1", "refund_id", credited),
    ):
        told = [event.payload[field] for event in books.events if event.name == name]
        if sorted(told) != sorted(there):
            yield f"{name} was told {len(told)} times, of {len(set(told))}; there are {len(there)}."


def _counted(told: dict[str, int]) -> str:
    return ", ".join(f"{name} {count} times" for name, count in told.items())
