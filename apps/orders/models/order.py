"""An order with its lines, and the record of what happened to it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.functional import cached_property

from apps.orders import events
from apps.orders.models import amounts
from apps.orders.models.line import OrderLine
from apps.orders.models.number import PATTERN, new_number
from apps.orders.models.states import ASKS, ORDER, WAITS_FOR, Step
from apps.orders.models.waiting import AWAITS_MACHINE
from kernel.address import Address
from kernel.ids import new_id


class Order(models.Model):
    """What a customer has bought, from placed to its one final state."""

    class State(models.TextChoices):
        """Where an order is; `states.ORDER` tells what follows on what."""

        PLACED = "PLACED", "Placed"
        CONFIRMED = "CONFIRMED", "Confirmed"
        PACKAGED = "PACKAGED", "Packaged"
        SHIPPED = "SHIPPED", "Shipped"
        FULFILLED = "FULFILLED", "Fulfilled"
        CANCELLING = "CANCELLING", "Cancellation asked for"
        CANCELLED = "CANCELLED", "Cancelled"
        PACKAGING_FAILED = "PACKAGING_FAILED", "Packaging failed"
        DELIVERY_FAILED = "DELIVERY_FAILED", "Delivery failed"

    class CancelReason(models.TextChoices):
        """Why an order was cancelled."""

        OUT_OF_STOCK = "out_of_stock", "Out of stock"
        PAYMENT_DECLINED = "payment_declined", "Payment declined"
        TIMED_OUT = "timed_out", "Timed out"
        REQUESTED = "requested", "Requested"

    class Requester(models.TextChoices):
        """Who asked for the cancellation."""

        CUSTOMER = "customer", "Customer"
        STAFF = "staff", "Staff"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.CharField(max_length=14, unique=True, default=new_number)
    customer_id = models.UUIDField(null=True, blank=True, help_text="Empty for a guest.")
    person_id = models.UUIDField(help_text="The customer's id, or the order's for a guest.")
    state = models.CharField(max_length=20, choices=State, default=State.PLACED)
    address = models.JSONField(null=True, help_text="Empty once the person was erased.")
    email = models.CharField(
        max_length=254, blank=True, default="", db_default="", help_text="A guest's alone."
    )
    country = models.CharField(max_length=2)
    currency = models.CharField(max_length=3)
    locale = models.CharField(max_length=10, default="en")
    delivery_price = models.BigIntegerField(help_text="In minor units, before any discount.")
    delivery_discount = models.BigIntegerField(default=0, db_default=0)
    delivery_tax = models.BigIntegerField(default=0, db_default=0)
    delivery_tax_name = models.CharField(max_length=40, blank=True, default="", db_default="")
    delivery_tax_rate = models.DecimalField(max_digits=5, decimal_places=3, null=True)
    prices_include_tax = models.BooleanField(default=True, db_default=True)
    coupon_code = models.CharField(max_length=40, blank=True, default="", db_default="")
    total = models.BigIntegerField(
        help_text="In minor units, with delivery and taxes, less discounts."
    )
    gateway = models.CharField(max_length=30)
    payment_token = models.CharField(max_length=200)
    version = models.PositiveIntegerField(default=1)
    heard = ArrayField(
        models.CharField(max_length=40), default=list, help_text="The facts that are known."
    )
    cancel_reason = models.CharField(max_length=20, choices=CancelReason, blank=True)
    cancel_requested_by = models.CharField(max_length=10, choices=Requester, blank=True)
    cancel_requested_at = models.DateTimeField(null=True)
    is_cancel_refused = models.BooleanField(
        default=False, help_text="A cancellation was asked for, but the shipment had started."
    )
    tracking_number = models.CharField(max_length=64, blank=True)
    placed_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    deadline = models.DateTimeField(help_text="Cancelled, if it is still placed by then.")

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(number__regex=PATTERN), name="orders_order_number"),
            models.CheckConstraint(
                condition=Q(state__in=list(ORDER.rows)), name="orders_order_state"
            ),
            models.CheckConstraint(
                condition=Q(
                    delivery_price__gte=0, total__gte=F("delivery_price") - F("delivery_discount")
                ),
                name="orders_order_prices",
            ),
            models.CheckConstraint(
                condition=Q(
                    delivery_discount__gte=0,
                    delivery_discount__lte=F("delivery_price"),
                    delivery_tax__gte=0,
                ),
                name="orders_order_delivery",
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="orders_order_version"),
            models.CheckConstraint(
                condition=Q(state="CANCELLED", cancel_reason__gt="")
                | (~Q(state="CANCELLED") & Q(cancel_reason="")),
                name="orders_order_cancel_reason",
            ),
            models.CheckConstraint(
                condition=Q(cancel_requested_by="", cancel_requested_at=None)
                | Q(cancel_requested_by__gt="", cancel_requested_at__isnull=False),
                name="orders_order_cancel_requested",
            ),
            models.CheckConstraint(
                condition=~Q(state="CANCELLING") | Q(cancel_requested_by__gt=""),
                name="orders_order_cancelling",
            ),
            models.CheckConstraint(
                condition=Q(customer_id=None, person_id=F("id"))
                | Q(customer_id__isnull=False, person_id=F("customer_id"), email=""),
                name="orders_order_person",
            ),
        )
        indexes = (
            models.Index(fields=["customer_id", "-id"], name="orders_order_customer"),
            models.Index(fields=["state", "-id"], name="orders_order_by_state"),
            models.Index(
                fields=["deadline"], name="orders_order_deadline", condition=Q(state="PLACED")
            ),
            models.Index(
                fields=["updated_at"], name="orders_order_awaits_machine", condition=AWAITS_MACHINE
            ),
            models.Index(fields=["placed_at", "id"], name="orders_order_placed"),
        )

    def __str__(self) -> str:
        return self.number

    @classmethod
    def locked(cls, order_id: uuid.UUID) -> Order:
        """
        Return the order; nobody else changes it before the transaction ends.

        :raises DoesNotExist: since an event about an order can't be older than the order.
        """
        return cls.objects.select_for_update().get(id=order_id)

    @cached_property
    def all_lines(self) -> list[OrderLine]:
        """The lines as they were ordered, those that could not be packed too."""
        return list(self.lines.order_by("id"))

    @property
    def destination(self) -> Address | None:
        """The address; None once the person was erased."""
        return Address.model_validate(self.address) if self.address else None

    def forget_person(self) -> None:
        """Tell no more where it went, nor to whom."""
        self.address, self.email = None, ""

    @property
    def terms(self) -> events.Terms:
        """What is agreed now."""
        return events.Terms(
            lines=tuple(line.agreed for line in self.all_lines if line.quantity),
            delivery_price=self.delivery_price,
            delivery_discount=self.delivery_discount,
            delivery_tax=self.delivery_tax,
            delivery_tax_rate_percent=amounts.rate_text(self.delivery_tax_rate),
            prices_include_tax=self.prices_include_tax,
            tax_lines=amounts.tax_lines(self._parts, is_contained=self.prices_include_tax),
            discounts=self.discounts,
            total=self.total,
            currency=self.currency,
        )

    @property
    def discounts(self) -> tuple[events.Discount, ...]:
        """The coupon that was used, with what it takes off goods and delivery."""
        if not self.coupon_code:
            return ()
        amount = self.delivery_discount + sum(line.discount for line in self.all_lines)
        return (events.Discount(code=self.coupon_code, amount=amount),)

    @property
    def _parts(self) -> list[amounts.Part]:
        delivery = amounts.Part(
            self.delivery_price - self.delivery_discount,
            self.delivery_tax,
            self.delivery_tax_name,
            self.delivery_tax_rate,
        )
        return [*(line.part for line in self.all_lines if line.quantity), delivery]

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it is packed or sent any more."""
        return self.state in _ENDED

    @property
    def is_void(self) -> bool:
        """Whether it has come to nothing: nothing is sold, nothing is paid."""
        return self.state in _ENDED - {self.State.FULFILLED}

    def hears(self, event: str) -> bool:
        """Say whether the event, or what is asked, means anything in this state."""
        cell = ORDER.cell(self.state, event)
        return cell.is_remembered or cell.to is not None

    def refuses(self, ask: str) -> bool:
        """Say whether what is asked must be refused in this state."""
        return ORDER.cell(self.state, ask).is_refused

    def hear(self, event: str) -> list[Step]:
        """Take an event or a granted ask as the table says, and return the steps that follow."""
        if not self.hears(event):
            return []
        if event in ASKS:
            to = ORDER.cell(self.state, event).to
            return [self._enter(to, because=event)] if to else []
        if event not in self.heard:
            self.heard.append(event)
        steps = []
        while due := self._due():
            steps.append(self._enter(due[1], because=due[0]))
        return steps

    def pack(self, quantities: Mapping[uuid.UUID, int]) -> bool:
        """
        Take over what was really packed; return whether the order is now smaller.

        It then costs less, or as much: each line keeps the rate and its part of the discount.
        """
        for line in self.all_lines:
            packed = min(line.quantity, quantities.get(line.product_id, 0))
            line.pack(packed, is_contained=self.prices_include_tax)
        if all(line.quantity == line.ordered_quantity for line in self.all_lines):
            return False
        self.total = amounts.total(self._parts, is_contained=self.prices_include_tax)
        self.version += 1
        return True

    def send_to(self, address: Address) -> bool:
        """Take over an address; return whether it is another."""
        if address == self.destination:
            return False
        self.address = address.model_dump()
        self.version += 1
        return True

    def dispatch(self, tracking_number: str, address: Address | None) -> None:
        """Take over how the package can be followed, and the address that it really goes to."""
        if tracking_number != self.tracking_number:
            self.tracking_number = tracking_number
            self.version += 1
        if address:
            self.send_to(address)

    def _due(self) -> tuple[str, str] | None:
        """Return the next step that known facts lead to: the fact and the state."""
        for event in ORDER.events:
            to = ORDER.cell(self.state, event).to
            if event in self.heard and to and WAITS_FOR.get(to, set()) <= set(self.heard):
                return event, to
        return None

    def _enter(self, state: str, *, because: str) -> Step:
        step = Step(state, self.version + 1, came_from=self.state)
        self.state, self.version = state, step.version
        if state == self.State.CANCELLED:
            self.cancel_reason = _REASONS.get(because, self.CancelReason.REQUESTED)
        if step.came_from == self.State.CANCELLING and state in _TOO_LATE:
            self.is_cancel_refused = True
        return step


_REASONS = {
    "StockShort": Order.CancelReason.OUT_OF_STOCK,
    "PaymentDeclined": Order.CancelReason.PAYMENT_DECLINED,
    "time is over": Order.CancelReason.TIMED_OUT,
}
_ENDED = {
    Order.State.FULFILLED,
    Order.State.CANCELLED,
    Order.State.PACKAGING_FAILED,
    Order.State.DELIVERY_FAILED,
}
_TOO_LATE = {Order.State.SHIPPED, Order.State.FULFILLED, Order.State.DELIVERY_FAILED}
