"""What the other modules answer, taken into the order in whichever order it comes."""

from __future__ import annotations

import datetime as dt
import uuid

from apps.orders.models import What
from apps.orders.usecases.change import Change
from kernel.address import Address
from kernel.transactions import transaction_required


@transaction_required
def note_answer(*, order_id: uuid.UUID, answer: str, at: dt.datetime) -> None:
    """Take an answer that is a bare fact, by its name in the state table."""
    change = Change.of(order_id, at=at)
    if change.order.hears(answer):
        change.hear(answer)
        change.store()


@transaction_required
def note_package(*, order_id: uuid.UUID, quantities: dict[uuid.UUID, int], at: dt.datetime) -> None:
    """Take over what was really packed; what isn't named wasn't. A smaller order costs less."""
    change = Change.of(order_id, at=at)
    if change.order.hears("PackageCreated") and "PackageCreated" not in change.order.heard:
        change.pack(quantities)
        change.hear("PackageCreated")
        change.store()


@transaction_required
def note_shipment(
    *, order_id: uuid.UUID, tracking_number: str, address: Address | None, at: dt.datetime
) -> None:
    """Note that the package is on its way, and where to; the address is None after an erasure."""
    change = Change.of(order_id, at=at)
    if change.order.hears("ShipmentStarted"):
        change.order.dispatch(tracking_number, address)
        change.hear("ShipmentStarted")
        change.store()


@transaction_required
def note_refused_address(
    *, order_id: uuid.UUID, shipped_to: Address | None, at: dt.datetime
) -> None:
    """Put back the address that the package really goes to: the change came too late."""
    change = Change.of(order_id, at=at)
    if change.order.hears("AddressChangeRefused"):
        if shipped_to:
            change.order.send_to(shipped_to)
        change.note(What.ADDRESS_CHANGE_REFUSED)
        change.store()


@transaction_required
def note_capture(*, order_id: uuid.UUID, at: dt.datetime) -> None:
    """Note that the order is paid."""
    change = Change.of(order_id, at=at)
    if change.order.hears("PaymentCaptured") and "PaymentCaptured" not in change.order.heard:
        change.hear("PaymentCaptured")
        change.note(What.PAID)
        change.store()
