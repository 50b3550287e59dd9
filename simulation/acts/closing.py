"""Closing time: what staff still do so that every order comes to its end."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Iterator

from apps.delivery.models import Shipment
from apps.orders.models import Order
from apps.payment.models import Payment
from apps.warehouse.models import PackagingRequest
from simulation.acts.act import Act
from simulation.acts.drawing import corrections
from simulation.acts.staff import (
    CompletePackaging,
    CompleteShipment,
    FailShipment,
    Refund,
    StartPackaging,
    StartShipment,
    WriteOff,
)
from simulation.journal import Journal, Placed
from simulation.world import World


def closing_acts(world: World) -> list[Act]:
    """
    Return what is to be done next for the orders that are open, in the order of doing it.

    Called when all is quiet, and again after these acts until there are none.
    """
    journal = world.shop.journal
    found: list[Act] = []
    for number, placed in sorted(journal.orders.items()):
        found += _next(_Order(number, placed), journal)
    return found


@dataclasses.dataclass(frozen=True)
class _Order:
    number: int
    placed: Placed

    @property
    def id(self) -> uuid.UUID:
        return self.placed.id

    def key(self, what: str) -> str:
        return f"closing-{what}-{self.number}"


def _next(order: _Order, journal: Journal) -> list[Act]:
    work = _WORK.get(Order.objects.get(id=order.id).state)
    return list(work(order, journal)) if work else []


def _pack(order: _Order, journal: Journal) -> Iterator[Act]:
    request = PackagingRequest.objects.filter(order_id=order.id).first()
    if request is None:
        return
    if request.state == request.State.NEW:
        yield StartPackaging(key=order.key("start"), who="warehouse", order=order.number)
    if request.state in {request.State.NEW, request.State.IN_PROGRESS}:
        for act in corrections(order.number, order.placed.lines, order.placed.plan.missing):
            yield dataclasses.replace(act, key=order.key(f"correct-{act.product}"))
        yield CompletePackaging(key=order.key("complete"), who="warehouse", order=order.number)


def _send(order: _Order, journal: Journal) -> Iterator[Act]:
    shipment = Shipment.objects.filter(order_id=order.id).first()
    if shipment is None:
        return
    if shipment.state == shipment.State.NEW:
        yield StartShipment(key=order.key("send"), who="delivery", order=order.number)
    if shipment.state in {shipment.State.NEW, shipment.State.IN_PROGRESS}:
        arrive = CompleteShipment if order.placed.plan.is_delivered else FailShipment
        yield arrive(key=order.key("arrive"), who="delivery", order=order.number)


def _settle(order: _Order, journal: Journal) -> Iterator[Act]:
    payment = Payment.objects.filter(order_id=order.id).first()
    if payment is None:
        return
    if payment.state == payment.State.CAPTURE_FAILED:
        yield WriteOff(key=order.key("write-off"), who="support", order=order.number)
    elif payment.state in {payment.State.CAPTURED, payment.State.REFUNDED}:
        for place, percent in enumerate(order.placed.plan.refunds):
            key = order.key(f"refund-{place}")
            if key not in journal.answers:
                yield Refund(key=key, who="support", order=order.number, percent=percent)


_WORK: dict[str, Callable[[_Order, Journal], Iterator[Act]]] = {
    Order.State.CONFIRMED: _pack,
    Order.State.PACKAGED: _send,
    Order.State.SHIPPED: _send,
    Order.State.FULFILLED: _settle,
}
