"""No unit is sold that isn't there, and every unit that left the shelf arrived somewhere."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator

from apps.orders.models import Order
from apps.warehouse.models import Movement
from simulation.invariants.books import Books

Units = Counter[uuid.UUID]


def goods_are_where_they_belong(books: Books) -> Iterator[str]:
    """Compare the shelves with the ledger, and with what the fulfilled orders left of them."""
    yield from _levels(books)
    yield from _balance(books)
    for order in books.orders.values():
        yield from _goods_of(books, order)


def _levels(books: Books) -> Iterator[str]:
    moved: Units = Counter()
    for movement in books.movements:
        moved[movement.product_id] += movement.delta
    for product_id, stock in books.stocks.items():
        what = f"{books.product(product_id)} has {stock.on_hand} on hand"
        if not 0 <= stock.reserved <= stock.on_hand:
            yield f"{what}, of which {stock.reserved} are reserved."
        elif stock.reserved:
            yield f"{what}, of which {stock.reserved} stay reserved for orders that have ended."
        if moved[product_id] != stock.on_hand:
            yield f"{what}, but its movements sum up to {moved[product_id]}."
    for product_id in sorted(moved.keys() - books.stocks.keys()):
        yield f"The ledger knows {books.product(product_id)}, which has no stock."


def _balance(books: Books) -> Iterator[str]:
    """Compare the shelves with what orders say, whatever the ledger may say of them."""
    left: Units = Counter()
    for movement in books.movements:
        if movement.kind == Movement.Kind.ADJUSTED:
            left[movement.product_id] += movement.delta
    for order in books.fulfilled():
        for line in order.lines.all():
            left[line.product_id] -= line.quantity
    for product_id, stock in books.stocks.items():
        if stock.on_hand != left[product_id]:
            yield (
                f"{books.product(product_id)} has {stock.on_hand} on hand; what came and was not"
                f" sold is {left[product_id]}."
            )


def _goods_of(books: Books, order: Order) -> Iterator[str]:
    own = [movement for movement in books.movements if movement.order_id == order.id]
    entries = Counter((movement.product_id, movement.kind) for movement in own)
    for (product_id, kind), count in entries.items():
        if count > 1:
            yield f"{books.name(order.id)}: {books.product(product_id)} was {kind} {count} times."
    gone: Units = Counter()
    for movement in own:
        gone[movement.product_id] -= movement.delta
    sold: Units = Counter()
    if order.state == Order.State.FULFILLED:
        sold.update({line.product_id: line.quantity for line in order.lines.all()})
    for product_id in sorted(gone.keys() | sold.keys()):
        if gone[product_id] != sold[product_id]:
            yield (
                f"{books.name(order.id)} is {order.state} with {sold[product_id]} units of"
                f" {books.product(product_id)}, of which {gone[product_id]} left the shelf."
            )
