"""Shipments: what is sent for an order, where to, and which state may follow which."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from apps.delivery.models.people import ErasedPerson
from apps.delivery.models.tracking import new_tracking_number
from kernel.address import Address
from kernel.ids import new_id
from kernel.refusals import Refusal
from kernel.states import StateTable

SHIPMENT = StateTable.parse(
    "Shipment",
    """
    state       | placed  | address | package | cancel_asked         | cancelled | failed    | start       | complete  | fail
    AWAITED     | AWAITED | AWAITED | NEW     | remember > CANCELLED | CANCELLED | CANCELLED | refuse      | refuse    | refuse
    NEW         | NEW     | NEW     | ignore  | CANCELLED            | CANCELLED | CANCELLED | IN_PROGRESS | refuse    | refuse
    IN_PROGRESS | ignore  | refuse  | ignore  | ignore               | ignore    | ignore    | refuse      | COMPLETED | FAILED
    COMPLETED   | ignore  | refuse  | ignore  | ignore               | ignore    | ignore    | refuse      | refuse    | refuse
    FAILED      | ignore  | refuse  | ignore  | ignore               | ignore    | ignore    | refuse      | refuse    | refuse
    CANCELLED   | ignore  | ignore  | ignore  | ignore               | ignore    | ignore    | refuse      | refuse    | refuse
    """,  # noqa: E501 -- a table stays one
)


_FINAL = {"COMPLETED", "FAILED", "CANCELLED"}


class UnknownShipment(Refusal):
    """There is no shipment for this order."""

    status = 404


class ShipmentNotAllowed(Refusal):
    """The shipment is in a state that does not allow this."""

    members: ClassVar = {"state": str}


class AddressMissing(Refusal):
    """The shipment has no address yet."""


class Shipment(models.Model):
    """
    An order as delivery sees it: where it goes, and how far it is.

    Staff see it once there is a package. Only `SHIPMENT` says what may follow what.
    """

    class State(models.TextChoices):
        AWAITED = "AWAITED", "Awaiting its package"
        NEW = "NEW", "New"
        IN_PROGRESS = "IN_PROGRESS", "In progress"
        COMPLETED = "COMPLETED", "Completed"
        FAILED = "FAILED", "Failed"
        CANCELLED = "CANCELLED", "Cancelled"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order_id = models.UUIDField(unique=True)
    state = models.CharField(max_length=12, choices=State, default=State.AWAITED)
    tracking_number = models.CharField(max_length=20, null=True, unique=True)  # noqa: DJ001
    address = models.JSONField(null=True)
    person_id = models.UUIDField(null=True, help_text="Whose address it is.")
    order_version = models.PositiveIntegerField(default=0, help_text="That the address is of.")
    refused_version = models.PositiveIntegerField(
        default=0, help_text="Of the order: the newest address that came too late."
    )
    package = models.JSONField(default=list, help_text="Products and quantities.")
    failure_reason = models.CharField(max_length=200, blank=True)
    cancel_asked_at = models.DateTimeField(null=True)
    packed_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        indexes = (
            models.Index(fields=["state", "order_id"], name="delivery_shipment_state"),
            models.Index(
                fields=["person_id"],
                name="delivery_shipment_person",
                condition=Q(address__isnull=False),
            ),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=["AWAITED", "CANCELLED"])
                | Q(tracking_number__isnull=False, packed_at__isnull=False),
                name="delivery_shipment_has_package",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["IN_PROGRESS", "COMPLETED", "FAILED"])
                | Q(person_id__isnull=False, started_at__isnull=False),
                name="delivery_shipment_was_started",
            ),
        )

    def __str__(self) -> str:
        return f"{self.order_id}: {self.state}"

    @classmethod
    def of_order(cls, order_id: uuid.UUID, *, at: dt.datetime) -> Shipment:
        """Lock the row of an order, made if this is the first that is heard of it."""
        row = Shipment(order_id=order_id, created_at=at, updated_at=at)
        Shipment.objects.bulk_create([row], ignore_conflicts=True)
        return Shipment.objects.select_for_update().get(order_id=order_id)

    @classmethod
    def for_staff(cls, order_id: uuid.UUID) -> Shipment:
        """
        Lock the row of an order that is packed.

        :raises UnknownShipment: if there is none.
        """
        rows = Shipment.objects.select_for_update().filter(packed_at__isnull=False)
        if (row := rows.filter(order_id=order_id).first()) is None:
            raise UnknownShipment
        return row

    @property
    def has_ended(self) -> bool:
        """Whether it is sent nowhere any more."""
        return self.state in _FINAL

    @property
    def shipped_to(self) -> Address | None:
        """The address, if there is one."""
        return Address.model_validate(self.address) if self.address else None

    def note_address(
        self, address: Address | None, *, person_id: uuid.UUID, version: int, at: dt.datetime
    ) -> None:
        """Take the address of this version of the order, unless a newer one is known."""
        if version > self.order_version:
            self._take("placed", at, **_address(address, person_id, version))

    def change_address(
        self, address: Address | None, *, person_id: uuid.UUID, version: int, at: dt.datetime
    ) -> bool:
        """Take a changed address, if it is the newest; return whether it is, but came too late."""
        if version <= max(self.order_version, self.refused_version):
            return False
        if not SHIPMENT.cell(self.state, "address").is_refused:
            self._take("address", at, **_address(address, person_id, version))
            return False
        self._write(at, refused_version=version)
        return address is not None and address != self.shipped_to

    def receive(self, package: list[dict[str, Any]], *, at: dt.datetime) -> bool:
        """Take the package; return whether this is the first that is heard of it."""
        number = new_tracking_number()
        return self._take("package", at, package=package, tracking_number=number, packed_at=at)

    def stop(self, *, at: dt.datetime) -> bool:
        """Stop because someone wants out, or remember to; return whether it was stopped now."""
        return self._take("cancel_asked", at, cancel_asked_at=self.cancel_asked_at or at)

    def close(self, event: str, *, at: dt.datetime) -> None:
        """End with an order that was cancelled or failed, if nothing was sent."""
        self._take(event, at)

    def start(self, *, at: dt.datetime) -> None:
        """
        Send it.

        :raises ShipmentNotAllowed: unless it is new.
        :raises AddressMissing: if no one knows where to.
        """
        if self.state == self.State.NEW and not self.address:
            raise AddressMissing
        self._take("start", at, started_at=at)

    def complete(self, *, at: dt.datetime) -> None:
        """
        Note that it has arrived.

        :raises ShipmentNotAllowed: unless it is on its way.
        """
        self._take("complete", at)

    def fail(self, *, reason: str, at: dt.datetime) -> None:
        """
        Note that it comes back.

        :raises ShipmentNotAllowed: unless it is on its way.
        """
        self._take("fail", at, failure_reason=reason)

    def forget_address(self) -> None:
        """Forget where it went."""
        self.address = None
        self.save(update_fields=["address"])

    def _take(self, event: str, at: dt.datetime, **facts: Any) -> bool:
        cell = SHIPMENT.cell(self.state, event)
        if cell.is_refused:
            raise ShipmentNotAllowed(
                f"The shipment is {self.get_state_display().lower()}.", state=self.state
            )
        if cell.to is None:
            return False
        if cell.is_remembered:
            self._write(at, **facts)
            return False
        self.state = cell.to
        if self.has_ended and self.address and ErasedPerson.has(self.person_id):
            facts["address"] = None
        self._write(at, finished_at=at if cell.to in _FINAL else None, **facts)
        return True

    def _write(self, at: dt.datetime, **facts: Any) -> None:
        for name, value in {**facts, "updated_at": at, "version": self.version + 1}.items():
            setattr(self, name, value)
        self.save()


def _address(address: Address | None, person_id: uuid.UUID, version: int) -> dict[str, Any]:
    return {
        "address": address.model_dump() if address else None,
        "person_id": person_id,
        "order_version": version,
    }
