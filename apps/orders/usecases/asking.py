"""What customers, staff and time ask of an order that is placed."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import ClassVar, Literal

from apps.orders.models import Order
from apps.orders.usecases.change import Change
from kernel.address import Address
from kernel.refusals import PreconditionFailed, Refusal
from kernel.transactions import transaction_required


class OrderNotFound(Refusal):
    """There is no such order."""

    status = 404


class OrderNotCancellable(Refusal):
    """The order is in a state in which it can no longer be cancelled."""

    members: ClassVar = {"state": str}


class AddressNotChangeable(Refusal):
    """The order is in a state in which its address can no longer be changed."""

    members: ClassVar = {"state": str}


class OtherCountry(Refusal):
    """The new address must be in the same country: the delivery price depends on it."""


@transaction_required
def cancel_order(
    *,
    order_id: uuid.UUID,
    person_id: uuid.UUID | None,
    requested_by: Literal["customer", "staff"],
    at: dt.datetime,
) -> Order:
    """
    Cancel a placed order; of a later one ask whoever holds the goods.

    `person_id` is the customer whose order it must be, or the order itself for a guest; None for
    anyone's.

    :raises OrderNotFound: if there is none, or it is another's.
    :raises OrderNotCancellable: if it is too late for that.
    """
    change = _change(order_id, person_id, at)
    order, ask = change.order, f"{requested_by} cancels"
    if order.refuses(ask):
        raise OrderNotCancellable(state=order.state)
    order.cancel_requested_by, order.cancel_requested_at = requested_by, at
    change.hear(ask)
    change.store()
    return order


@transaction_required
def change_address(
    *,
    order_id: uuid.UUID,
    person_id: uuid.UUID | None,
    version: int,
    address: Address,
    at: dt.datetime,
) -> Order:
    """
    Send an order elsewhere in the same country; `version` is the one that the caller has seen.

    `person_id` is the customer whose order it must be, or the order itself for a guest; None for
    anyone's.

    :raises OrderNotFound: if there is none, or it is another's.
    :raises PreconditionFailed: if the order is another version by now.
    :raises AddressNotChangeable: if it is too late for that.
    :raises OtherCountry: if the address lies elsewhere.
    """
    change = _change(order_id, person_id, at)
    order = change.order
    if order.version != version:
        raise PreconditionFailed
    if order.refuses("address changes"):
        raise AddressNotChangeable(state=order.state)
    if address.country != order.country:
        raise OtherCountry
    change.send_to(address)
    change.store()
    return order


@transaction_required
def time_out_orders(*, at: dt.datetime, limit: int) -> int:
    """Cancel placed orders whose time is over, at most so many; return how many there were."""
    late = Order.objects.filter(state=Order.State.PLACED, deadline__lte=at).order_by("deadline")
    orders = list(late.select_for_update(skip_locked=True)[:limit])
    for order in orders:
        change = Change(order, at=at)
        change.hear("time is over")
        change.store()
    return len(orders)


def _change(order_id: uuid.UUID, person_id: uuid.UUID | None, at: dt.datetime) -> Change:
    orders = Order.objects.select_for_update().filter(id=order_id)
    if person_id:
        orders = orders.filter(person_id=person_id)
    if not (order := orders.first()):
        raise OrderNotFound
    return Change(order, at=at)
