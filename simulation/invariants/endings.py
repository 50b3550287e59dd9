"""An order ends in exactly one final state, and every module agrees with it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import NamedTuple

from apps.orders.models import Order, What
from simulation.invariants.books import Books


class Ending(NamedTuple):
    """What every module may say of an order that ended so."""

    payment: Collection[str]
    packaging: Collection[str]
    goods: Collection[str]
    shipment: Collection[str]


_PAID = {"CAPTURED", "REFUNDED", "CAPTURE_FAILED", "VOIDED"}  # VOIDED: written off
AGREEMENT = {
    "FULFILLED": Ending(_PAID, {"COMPLETED"}, {"PACKED"}, {"COMPLETED"}),
    "CANCELLED": Ending({"VOIDED", "DECLINED"}, {"CANCELLED"}, {"NONE", "FREED"}, {"CANCELLED"}),
    "PACKAGING_FAILED": Ending({"VOIDED"}, {"FAILED"}, {"FREED"}, {"CANCELLED"}),
    "DELIVERY_FAILED": Ending({"VOIDED"}, {"FAILED"}, {"FREED"}, {"FAILED"}),
}
_SENT = {"FULFILLED", "DELIVERY_FAILED"}
# Entries of the timeline that tell of something beside a new state.
_ASIDES = {
    What.LINES_CHANGED,
    What.PAID,
    What.ADDRESS_CHANGED,
    What.ADDRESS_CHANGE_REFUSED,
    What.CANCELLATION_REFUSED,
}


def orders_end_in_one_state(books: Books) -> Iterator[str]:
    """Each order is in a final state, all modules agree with it, and its timeline tells it."""
    for order in books.orders.values():
        if order.state not in AGREEMENT:
            yield f"{books.name(order.id)} is {order.state}: it has not come to an end."
            continue
        yield from _disagreements(books, order)
        yield from _breaks_of_timeline(books, order)
        shipment = books.shipments.get(order.id)
        if order.state in _SENT and shipment and shipment.address != order.address:
            yield f"{books.name(order.id)} shows another address than it was sent to."


def _disagreements(books: Books, order: Order) -> Iterator[str]:
    ending = AGREEMENT[order.state]
    payment = books.payments.get(order.id)
    request = books.requests.get(order.id)
    shipment = books.shipments.get(order.id)
    said = {
        "payment": (payment and payment.state, ending.payment),
        "its packaging": (request and request.state, ending.packaging),
        "its goods": (request and request.goods, ending.goods),
        "its shipment": (shipment and shipment.state, ending.shipment),
    }
    for who, (state, allowed) in said.items():
        if state not in allowed:
            expected = " or ".join(sorted(allowed))
            yield f"{books.name(order.id)} is {order.state}, {who} {state}, not {expected}."


def _breaks_of_timeline(books: Books, order: Order) -> Iterator[str]:
    entries = list(order.timeline.all())
    steps = [entry.state for entry in entries if entry.what not in _ASIDES]
    name = books.name(order.id)
    if not steps or steps[0] != Order.State.PLACED or steps[-1] != order.state:
        yield f"{name} is {order.state}, but its timeline goes {' > '.join(steps) or 'nowhere'}."
    if len(set(steps)) != len(steps):
        yield f"{name} enters a state twice in its timeline: {' > '.join(steps)}."
    states = [entry.state for entry in entries]
    changes = [new for old, new in pairwise(states) if new != old]
    if changes != steps[1:]:
        yield f"{name} changes its state behind the timeline's back: {' > '.join(states)}."
    paid = sum(entry.what == What.PAID for entry in entries)
    if paid != ("PaymentCaptured" in order.heard):
        yield f"{name} tells {paid} times in its timeline that it was paid."
