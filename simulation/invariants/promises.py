"""An answer 2xx is a promise: what was promised is there, once, and nothing that nobody asked."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator

from apps.orders.models import Order
from apps.payment.models import Kind
from apps.warehouse.models import Movement
from simulation.invariants.books import Books
from simulation.journal import Answer


def promises_are_kept(books: Books) -> Iterator[str]:
    """Each thing that people asked for happened once if they were told so, and at most once."""
    yield from _orders(books)
    yield from _cancellations(books)
    yield from _addresses(books)
    yield from _adjustments(books)
    yield from _refunds(books)


def _orders(books: Books) -> Iterator[str]:
    for answer in books.journal.granted("place order"):
        if answer.order_id not in books.orders:
            yield f"{answer.asked.key} was promised order {answer.order_id}, which isn't there."
    asked = {
        request.body["payment_token"]: key
        for key, request in books.journal.attempts("place order").items()
    }
    tokens = Counter(order.payment_token for order in books.orders.values())
    for token, count in tokens.items():
        if token not in asked:
            yield f"{count} orders are paid with {token}, which nobody ordered with."
        elif count > 1:
            yield f"{asked[token]} asked for one order, and there are {count}."


def _cancellations(books: Books) -> Iterator[str]:
    """Say which promised cancellations were neither carried out nor refused in the open."""
    for answer in books.journal.granted("cancel order"):
        order = books.orders.get(answer.order_id)
        if order is None or order.state == Order.State.CANCELLED:
            continue
        promised = answer.body["state"]
        is_open = promised == Order.State.CANCELLING
        if not is_open or not (
            order.is_cancel_refused or order.state == Order.State.PACKAGING_FAILED
        ):
            yield f"{books.name(order.id)} was promised to be {promised} and is {order.state}."


def _addresses(books: Books) -> Iterator[str]:
    """Say which orders go elsewhere than to the last address that was promised."""
    journal = books.journal
    newest: dict[uuid.UUID, Answer] = {}
    for answer in journal.granted("change address"):
        known = newest.setdefault(answer.order_id, answer)
        if answer.body["version"] > known.body["version"]:
            newest[answer.order_id] = answer
    if any(key not in journal.answers for key in journal.attempts("change address")):
        return  # one of which nobody knows whether it was done may be newer
    for order_id, answer in newest.items():
        order = books.orders.get(order_id)
        if order is None or order.address == answer.body["address"]:
            continue
        if not books.facts[order.id]["delivery.address_change_refused.v1"]:
            yield f"{books.name(order.id)} goes to another address than was promised."


def _adjustments(books: Books) -> Iterator[str]:
    entered = {
        movement.reason: movement.delta
        for movement in books.movements
        if movement.kind == Movement.Kind.ADJUSTED
    }
    counts = Counter(m.reason for m in books.movements if m.kind == Movement.Kind.ADJUSTED)
    for answer in books.journal.granted("adjust stock"):
        key, delta = answer.asked.key, answer.asked.body["delta"]
        if entered.get(key) != delta:
            yield f"{key} was promised an adjustment by {delta}; the ledger has {entered.get(key)}."
    asked = books.journal.attempts("adjust stock")
    for reason, count in counts.items():
        if reason not in asked:
            yield f"The ledger has an adjustment that nobody asked for: {reason}."
        elif count > 1:
            yield f"{reason} asked for one adjustment, and the ledger has {count}."


def _refunds(books: Books) -> Iterator[str]:
    refunds = {
        order_id: [operation for operation in operations if operation.kind == Kind.REFUND]
        for order_id, operations in books.operations.items()
    }
    done = Counter(
        operation.reason
        for operations in refunds.values()
        for operation in operations
        if operation.state == operation.State.DONE
    )
    for answer in books.journal.granted("refund"):
        if not done[answer.asked.key]:
            amount = answer.asked.body["amount"]
            yield f"{answer.asked.key} was promised a refund of {amount}, which never came."
    asked = books.journal.attempts("refund")
    for reason, count in done.items():
        if reason not in asked or count > 1:
            yield f"{count} refunds came for {reason or 'no reason'}: one at most was asked for."
