"""What is set aside and packed for each order, and which state may follow which."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from apps.warehouse.models.stock import Product
from kernel.refusals import Refusal
from kernel.states import StateTable

PACKAGING = StateTable.parse(
    "Packaging request",
    """
    state       | placed   | short  | confirmed      | cancel_asked | cancelled | failed | start       | correct     | complete  | complete_empty
    UNKNOWN     | RESERVED | SHORT  | remember > NEW | CANCELLED    | CANCELLED | FAILED | refuse      | refuse      | refuse    | refuse
    RESERVED    | ignore   | ignore | NEW            | CANCELLED    | CANCELLED | FAILED | refuse      | refuse      | refuse    | refuse
    SHORT       | ignore   | ignore | ignore         | ignore       | CANCELLED | FAILED | refuse      | refuse      | refuse    | refuse
    NEW         | ignore   | ignore | ignore         | CANCELLED    | CANCELLED | FAILED | IN_PROGRESS | refuse      | refuse    | refuse
    IN_PROGRESS | ignore   | ignore | ignore         | CANCELLED    | CANCELLED | FAILED | refuse      | IN_PROGRESS | COMPLETED | FAILED
    COMPLETED   | ignore   | ignore | ignore         | ignore       | CANCELLED | FAILED | refuse      | refuse      | refuse    | refuse
    FAILED      | ignore   | ignore | ignore         | ignore       | CANCELLED | FAILED | refuse      | refuse      | refuse    | refuse
    CANCELLED   | ignore   | ignore | ignore         | ignore       | CANCELLED | FAILED | refuse      | refuse      | refuse    | refuse
    """,  # noqa: E501 -- a table stays one
)


class UnknownPackagingRequest(Refusal):
    """There is no packaging request for this order."""

    status = 404


class PackagingNotAllowed(Refusal):
    """The packaging request is in a state that does not allow this."""

    members: ClassVar = {"state": str}


class PackagingRequest(models.Model):
    """
    An order as the warehouse sees it: what is set aside for it, and how far its packing is.

    Staff see it once the order is confirmed. Only `PACKAGING` says what may follow what.
    """

    class State(models.TextChoices):
        UNKNOWN = "UNKNOWN", "Heard of, but not placed"
        RESERVED = "RESERVED", "Reserved, not confirmed"
        SHORT = "SHORT", "Short of stock"
        NEW = "NEW", "New"
        IN_PROGRESS = "IN_PROGRESS", "In progress"
        COMPLETED = "COMPLETED", "Completed"
        FAILED = "FAILED", "Failed"
        CANCELLED = "CANCELLED", "Cancelled"

    class Goods(models.TextChoices):
        NONE = "NONE", "None"
        RESERVED = "RESERVED", "Set aside"
        PACKED = "PACKED", "Packed"
        FREED = "FREED", "Free again"

    order_id = models.UUIDField(primary_key=True)
    state = models.CharField(max_length=12, choices=State, default=State.UNKNOWN)
    goods = models.CharField(max_length=8, choices=Goods, default=Goods.NONE)
    confirmed_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    lines: models.Manager[PackagingLine]

    class Meta:
        indexes = (models.Index(fields=["state", "order_id"], name="warehouse_packaging_state"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=["UNKNOWN", "SHORT"], goods="NONE")
                | Q(state__in=["RESERVED", "NEW", "IN_PROGRESS"], goods="RESERVED")
                | Q(state="COMPLETED", goods="PACKED")
                | Q(state__in=["FAILED", "CANCELLED"], goods__in=["NONE", "RESERVED", "FREED"]),
                name="warehouse_packaging_goods",
            ),
        )

    def __str__(self) -> str:
        return f"{self.order_id}: {self.state}"

    @classmethod
    def of_order(cls, order_id: uuid.UUID, *, at: dt.datetime) -> PackagingRequest:
        """Lock the row of an order, made if this is the first that is heard of it."""
        row = PackagingRequest(order_id=order_id, created_at=at, updated_at=at)
        PackagingRequest.objects.bulk_create([row], ignore_conflicts=True)
        return cls.objects.select_for_update().get(order_id=order_id)

    @classmethod
    def for_staff(cls, order_id: uuid.UUID) -> PackagingRequest:
        """
        Lock the row of a confirmed order.

        :raises UnknownPackagingRequest: if there is none.
        """
        rows = cls.objects.select_for_update().filter(confirmed_at__isnull=False)
        if (row := rows.filter(order_id=order_id).first()) is None:
            raise UnknownPackagingRequest
        return row

    @property
    def awaits_goods(self) -> bool:
        """Whether the order, now placed, is to get its goods."""
        return PACKAGING.cell(self.state, "placed").to is not None

    def reserve(self, quantities: Mapping[uuid.UUID, int], *, at: dt.datetime) -> None:
        """Note what was set aside; a confirmation that came early takes effect now."""
        if self._take("placed", at, goods=self.Goods.RESERVED):
            self.lines.bulk_create(
                PackagingLine(request=self, product_id=product_id, ordered=quantity)
                for product_id, quantity in quantities.items()
            )
            if self.confirmed_at:
                self._take("confirmed", at)

    def fall_short(self, *, at: dt.datetime) -> None:
        """Note that the order can't be met."""
        self._take("short", at)

    def confirm(self, *, at: dt.datetime) -> None:
        """Show the request to staff, or remember to."""
        self._take("confirmed", at, confirmed_at=at)

    def stop(self, *, at: dt.datetime) -> bool:
        """Stop packing because someone wants out; return whether it was in time."""
        return self._take("cancel_asked", at, finished_at=at)

    def cancel(self, *, at: dt.datetime) -> Goods:
        """End with the cancelled order; return the goods that it gives back."""
        return self._end("cancelled", at)

    def fail_with_order(self, *, at: dt.datetime) -> Goods:
        """End with the failed order; return the goods that it gives back."""
        return self._end("failed", at)

    def start(self, *, at: dt.datetime) -> None:
        """
        Begin to pack, at first all that was ordered.

        :raises PackagingNotAllowed:
        """
        self._take("start", at, started_at=at)
        self.lines.update(packed=F("ordered"))

    def correct(self, *, at: dt.datetime) -> None:
        """
        Count a correction as a new version.

        :raises PackagingNotAllowed: unless it is being packed.
        """
        self._take("correct", at)

    def complete(self, *, at: dt.datetime) -> None:
        """
        Close the package.

        :raises PackagingNotAllowed: unless it is being packed.
        """
        self._take("complete", at, goods=self.Goods.PACKED, finished_at=at)

    def give_up(self, *, at: dt.datetime) -> None:
        """
        Close a package with nothing in it.

        :raises PackagingNotAllowed: unless it is being packed.
        """
        self._take("complete_empty", at, finished_at=at)

    def _end(self, event: str, at: dt.datetime) -> Goods:
        held, finished_at = self.Goods(self.goods), self.finished_at or at
        if held in {self.Goods.NONE, self.Goods.FREED}:
            self._take(event, at, finished_at=finished_at)
            return self.Goods.NONE
        self._take(event, at, finished_at=finished_at, goods=self.Goods.FREED)
        return held

    def _take(self, event: str, at: dt.datetime, **facts: Any) -> bool:
        cell = PACKAGING.cell(self.state, event)
        if cell.is_refused:
            raise PackagingNotAllowed(
                f"The packaging request is {self.get_state_display().lower()}.", state=self.state
            )
        if cell.to is None:
            return False
        if not cell.is_remembered:
            self.state = cell.to
        for name, value in {**facts, "updated_at": at, "version": self.version + 1}.items():
            setattr(self, name, value)
        self.save()
        return not cell.is_remembered


class PackagingLine(models.Model):
    """One product of an order: so much is set aside, so much of it was packed."""

    request = models.ForeignKey(PackagingRequest, on_delete=models.PROTECT, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.DO_NOTHING, db_constraint=False)
    ordered = models.PositiveIntegerField()
    packed = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["request", "product"], name="warehouse_packaging_line_once"
            ),
            models.CheckConstraint(
                condition=Q(ordered__gt=0, packed__lte=F("ordered")),
                name="warehouse_packaging_line_packed",
            ),
        )

    def __str__(self) -> str:
        return f"{self.packed} of {self.ordered}, {self.product_id}"
