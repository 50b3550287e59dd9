"""The audit has kept every word, nobody has bent it, and it tells how all has become."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from django.utils import timezone

from apps.audit import queries
from apps.audit.models import Record
from apps.audit.queries import Breach
from apps.orders.models import Order
from simulation.invariants.books import Books


def audit_is_whole(books: Books) -> Iterator[str]:
    """Every chain holds, by its anchors too, and each event has one record, word for word."""
    for chain in queries.chains():
        for found in queries.verify(chain):
            if isinstance(found, Breach):
                yield f"The audit's chain {chain.name} breaks at {found.seq}: {found.detail}."
    for name, breach in queries.against_anchors(queries.marks(books.world.anchors.all())):
        yield f"The audit's chain {name} breaks at {breach.seq}: {breach.detail}."
    yield from _records(books)


def audit_tells_how_it_is(books: Books) -> Iterator[str]:
    """Each order, payment and packing, told from the events alone, is what its module says."""
    for order in books.orders.values():
        told = queries.order_at(order_id=order.id, at=timezone.now())
        if told is None:
            yield f"The audit tells nothing of {books.name(order.id)}."
            continue
        for part, own in _own(books, order).items():
            heard = told[part] and {name: told[part][name] for name in own or told[part]}
            if heard and "lines" in heard:
                heard["lines"] = sorted(heard["lines"], key=lambda line: str(line["product_id"]))
            if heard != own:
                yield f"{books.name(order.id)}: the audit tells {part} {heard}, not {own}."
    yield from _stock(books)


def _own(books: Books, order: Order) -> dict[str, dict[str, Any] | None]:
    """Return what the modules say of an order, as the audit would tell it."""
    payment, request = books.payments.get(order.id), books.requests.get(order.id)
    return {
        "order": {
            "number": order.number,
            "state": order.state,
            "total": order.total,
            "tracking_number": order.tracking_number or None,
            "lines": sorted(
                (
                    {
                        "product_id": str(line.product_id),
                        "code": line.code,
                        "name": line.name,
                        "quantity": line.quantity,
                        "unit_price": line.unit_price,
                    }
                    for line in order.lines.all()
                    if line.quantity  # nothing of it could be packed
                ),
                key=lambda line: str(line["product_id"]),
            ),
        },
        "payment": {
            "state": payment.state,
            "authorized": payment.authorized,
            "captured": payment.captured,
            "refunded": payment.refunded,
        }
        if payment
        else None,
        "packaging": {"state": request.state} if request else None,
    }


def _stock(books: Books) -> Iterator[str]:
    for told in queries.levels(list(map(str, books.stocks)), at=timezone.now()):
        stock = books.stocks[uuid.UUID(told["product_id"])]
        if (told["on_hand"], told["reserved"]) != (stock.on_hand, stock.reserved):
            yield f"{books.product(stock.product_id)}: the audit tells another stock, {told}."


def _records(books: Books) -> Iterator[str]:
    records = {record.event_id: record for record in Record.objects.all()}
    for event in books.events:
        record = records.pop(event.event_id, None)
        if record is None:
            yield f"The audit has no record of {event.name} of {books.subject(event)}."
        elif (record.name, record.payload) != (event.name, event.payload):
            yield f"The audit tells {event.name} of {books.subject(event)} otherwise than the log."
    for event_id, record in records.items():
        yield f"The audit has recorded {record.name}, event {event_id}, which the log doesn't have."
