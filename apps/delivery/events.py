"""What delivery tells the others."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from kernel.address import Address
from kernel.bus.event import Event, Personal


class ShipmentCreated(
    Event,
    name="delivery.shipment_created.v1",
    subject="order_id",
    unheard="for the order's timeline and the audit",
):
    """A package waits to be sent."""

    order_id: uuid.UUID
    shipment_id: uuid.UUID
    tracking_number: str


class ShipmentStarted(
    Event, name="delivery.shipment_started.v1", subject="order_id", person="person_id"
):
    """The package is on its way; too late to cancel, or to send it elsewhere."""

    order_id: uuid.UUID
    shipment_id: uuid.UUID
    person_id: uuid.UUID
    tracking_number: str
    address: Annotated[Address | None, Personal()]


class ShipmentCancelled(Event, name="delivery.shipment_cancelled.v1", subject="order_id"):
    """The package was stopped before it was sent, because a cancellation was asked for."""

    order_id: uuid.UUID


class AddressChangeRefused(
    Event, name="delivery.address_change_refused.v1", subject="order_id", person="person_id"
):
    """A new address came after the shipment had started; it goes to this one."""

    order_id: uuid.UUID
    person_id: uuid.UUID
    shipped_to: Annotated[Address | None, Personal()]


class DeliveryCompleted(Event, name="delivery.delivery_completed.v1", subject="order_id"):
    """The package has arrived."""

    order_id: uuid.UUID


class DeliveryFailed(Event, name="delivery.delivery_failed.v1", subject="order_id"):
    """The package could not be delivered and goes back to the warehouse."""

    order_id: uuid.UUID
    reason: str


class PersonalDataGathered(
    Event, name="delivery.personal_data_gathered.v1", subject="export_id", person="person_id"
):
    """What delivery holds of a person, for the export that they asked for: one of so many parts."""

    export_id: uuid.UUID
    person_id: uuid.UUID
    part: int  # from 1 to `parts`
    parts: int
    rows: Annotated[tuple[dict[str, Any], ...] | None, Personal()]
