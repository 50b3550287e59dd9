"""Payments: which state may follow which, and what the facts demand of the gateway."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import ClassVar

from django.db import IntegrityError, models
from django.db.models import QuerySet

from apps.payment.models.kinds import ACCEPTED, REFUSED, Due, Kind
from kernel.refusals import Refusal
from kernel.states import StateTable
from kernel.transactions import savepoint

# `remember`: the fact is kept, and what it demands is wished of the gateway; the state follows
# with the answer. PENDING holds until the order was heard of and its authorization answered.
# An order that ended (cancelled, failed) wins over one that was fulfilled: nothing is kept.
# VOIDED says that nothing is held and nothing kept, also where nothing was ever authorized. What is
# held of an order that takes too long is captured before it lapses, if the goods are on their way;
# else it is released, and LAPSED says that an order goes on of which nothing is held any more.
PAYMENT = StateTable.parse(
    "Payment",
    """
    state          | placed                | modified | shipped  | lapsing
    PENDING        | remember > AUTHORIZED | remember | remember | ignore
    AUTHORIZED     | ignore                | remember | remember | remember > LAPSED
    DECLINED       | ignore                | ignore   | ignore   | ignore
    CAPTURED       | ignore                | ignore   | ignore   | ignore
    CAPTURE_FAILED | ignore                | remember | ignore   | ignore
    LAPSED         | ignore                | ignore   | ignore   | ignore
    VOIDED         | ignore                | ignore   | ignore   | ignore
    REFUNDED       | ignore                | ignore   | ignore   | ignore

    state          | fulfilled                 | ended
    PENDING        | remember                  | remember > VOIDED
    AUTHORIZED     | remember > CAPTURED       | remember > VOIDED
    DECLINED       | ignore                    | ignore
    CAPTURED       | remember > REFUNDED       | remember > REFUNDED
    CAPTURE_FAILED | ignore                    | remember > VOIDED
    LAPSED         | remember > CAPTURE_FAILED | VOIDED
    VOIDED         | ignore                    | ignore
    REFUNDED       | remember > REFUNDED       | remember > REFUNDED

    state          | authorized | amended    | captured | voided | lapsed | refunded
    PENDING        | AUTHORIZED | ignore     | ignore   | ignore | ignore | ignore
    AUTHORIZED     | ignore     | AUTHORIZED | CAPTURED | VOIDED | LAPSED | ignore
    DECLINED       | ignore     | ignore     | ignore   | ignore | ignore | ignore
    CAPTURED       | ignore     | ignore     | ignore   | ignore | ignore | REFUNDED
    CAPTURE_FAILED | ignore     | ignore     | CAPTURED | VOIDED | ignore | ignore
    LAPSED         | ignore     | ignore     | ignore   | ignore | ignore | ignore
    VOIDED         | ignore     | ignore     | ignore   | ignore | ignore | ignore
    REFUNDED       | ignore     | ignore     | ignore   | ignore | ignore | REFUNDED

    state          | declined | amend_refused | capture_refused | void_refused | refund_refused
    PENDING        | DECLINED | ignore        | ignore          | ignore       | ignore
    AUTHORIZED     | ignore   | ignore        | CAPTURE_FAILED  | ignore       | ignore
    DECLINED       | ignore   | ignore        | ignore          | ignore       | ignore
    CAPTURED       | ignore   | ignore        | ignore          | ignore       | ignore
    CAPTURE_FAILED | ignore   | ignore        | CAPTURE_FAILED  | ignore       | ignore
    LAPSED         | ignore   | ignore        | ignore          | ignore       | ignore
    VOIDED         | ignore   | ignore        | ignore          | ignore       | ignore
    REFUNDED       | ignore   | ignore        | ignore          | ignore       | ignore

    state          | refund_requested    | capture_retried     | written_off
    PENDING        | refuse              | refuse              | refuse
    AUTHORIZED     | refuse              | refuse              | refuse
    DECLINED       | refuse              | refuse              | refuse
    CAPTURED       | remember > REFUNDED | refuse              | refuse
    CAPTURE_FAILED | refuse              | remember > CAPTURED | remember > VOIDED
    LAPSED         | refuse              | refuse              | refuse
    VOIDED         | refuse              | refuse              | refuse
    REFUNDED       | remember > REFUNDED | refuse              | refuse
    """,
)


class WrongPaymentState(Refusal):
    """The payment is in no state that allows this."""

    members: ClassVar = {"state": str}


class Payment(models.Model):
    """The money of one order. Amounts are in minor units of its currency."""

    class State(models.TextChoices):
        PENDING = "PENDING", "Pending"
        AUTHORIZED = "AUTHORIZED", "Authorized"
        DECLINED = "DECLINED", "Declined"
        CAPTURED = "CAPTURED", "Captured"
        CAPTURE_FAILED = "CAPTURE_FAILED", "Capture failed"
        LAPSED = "LAPSED", "Lapsed"
        VOIDED = "VOIDED", "Voided"
        REFUNDED = "REFUNDED", "Refunded, partly or whole"

    order_id = models.UUIDField(primary_key=True)
    state = models.CharField(max_length=20, choices=State, default=State.PENDING)
    gateway = models.CharField(max_length=30, blank=True)
    token = models.CharField(max_length=255, blank=True)
    reference = models.CharField(
        max_length=255, blank=True, help_text="What the gateway calls this payment."
    )
    currency = models.CharField(max_length=3, blank=True)
    target = models.BigIntegerField(default=0, help_text="The order's newest total.")
    target_version = models.PositiveIntegerField(
        default=0, help_text="The order's version that the total is of."
    )
    placed_at = models.DateTimeField(null=True, help_text="When the order itself was heard of.")
    is_shipped = models.BooleanField(default=False, help_text="The goods are on their way.")
    is_fulfilled = models.BooleanField(default=False)
    is_ended = models.BooleanField(default=False, help_text="The order was cancelled, or failed.")
    held_until = models.DateTimeField(null=True, help_text="When the gateway releases it.")
    warned_at = models.DateTimeField(null=True, help_text="When it was told that it will lapse.")
    is_lapsing = models.BooleanField(default=False, help_text="It is captured or released now.")
    authorized = models.BigIntegerField(default=0)
    captured = models.BigIntegerField(default=0)
    refunded = models.BigIntegerField(default=0)
    reason = models.CharField(
        max_length=200, blank=True, help_text="Why it was declined, or why the capture failed."
    )
    version = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["gateway", "token"],
                name="payment_token_once",
                condition=~models.Q(token=""),
            ),
            models.CheckConstraint(
                condition=models.Q(
                    target__gte=0, authorized__gte=0, captured__gte=0, refunded__gte=0
                ),
                name="payment_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(captured__lte=models.F("authorized")),
                name="payment_captured_of_authorized",
            ),
            models.CheckConstraint(
                condition=models.Q(refunded__lte=models.F("captured")),
                name="payment_refunded_of_captured",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=list(PAYMENT.rows)), name="payment_known_state"
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["PENDING", "DECLINED", "LAPSED", "VOIDED"])
                | models.Q(authorized=0, captured=0),
                name="payment_nothing_held",
            ),
        )
        indexes = (
            models.Index(fields=["state", "-order_id"], name="payment_state"),
            models.Index(
                fields=["held_until"],
                name="payment_held",
                condition=models.Q(state="AUTHORIZED", is_ended=False, is_fulfilled=False),
            ),
        )

    def __str__(self) -> str:
        return f"Payment of order {self.order_id}"

    @classmethod
    def locked(cls, order_id: uuid.UUID, *, at: dt.datetime) -> Payment:
        """Return the order's payment, locked; a fact that comes before the order makes it."""
        new = Payment(order_id=order_id, created_at=at, updated_at=at)
        Payment.objects.bulk_create([new], ignore_conflicts=True)
        return Payment.objects.select_for_update().get(order_id=order_id)

    def place(self, *, gateway: str, token: str, at: dt.datetime) -> bool:
        """Note how the order is to be paid; return False if another order used the token."""
        try:
            with savepoint():
                Payment.objects.filter(pk=self.pk).update(gateway=gateway, token=token)
        except IntegrityError:
            return False
        self.gateway, self.token, self.placed_at = gateway, token, at
        return True

    def note_total(self, *, version: int, total: int, currency: str) -> None:
        """Remember the order's total, unless that of a newer version is known."""
        if version > self.target_version:
            self.target_version, self.target, self.currency = version, total, currency

    @classmethod
    def held_until_before(cls, at: dt.datetime) -> QuerySet[Payment]:
        """Return payments of open orders whose authorization lapses before this time."""
        held = cls.objects.filter(state=cls.State.AUTHORIZED, is_ended=False, is_fulfilled=False)
        return held.filter(held_until__lte=at).order_by("held_until")

    def note_end(self) -> None:
        """Remember that the order ended without goods; with nothing asked, that is all."""
        self.is_ended = True
        if self.placed_at is None:
            self.state = self.State.VOIDED

    def hears(self, event: str) -> bool:
        """
        Move as the table says; return whether the event counts in this state.

        :raises WrongPaymentState: if the table refuses it.
        """
        cell = PAYMENT.cell(self.state, event)
        if cell.is_refused:
            raise WrongPaymentState(f"The payment is {self.state}.", state=self.state)
        if cell.to and not cell.is_remembered:
            self.state = self.State(cell.to)
        return bool(cell.to) or cell.is_remembered

    def accept(self, kind: str, amount: int) -> bool:
        """Take it into account that the gateway did this; return whether it counts."""
        if not self.hears(self._accepted(kind)):
            return False
        if kind == Kind.REFUND:
            self.refunded += amount
        elif kind == Kind.CAPTURE:
            self.captured = amount
        else:
            self.authorized = 0 if kind == Kind.VOID else amount
        return True

    def _accepted(self, kind: str) -> str:
        is_lapse = kind == Kind.VOID and self.is_lapsing and not self.is_ended
        if is_lapse and self.state == self.State.AUTHORIZED:
            return "lapsed"
        return ACCEPTED[Kind(kind)]

    def miss_capture(self) -> bool:
        """Give up to capture what has lapsed of a fulfilled order; return whether it is so."""
        if self.state != self.State.LAPSED or not self.is_fulfilled:
            return False
        self.state, self.reason = self.State.CAPTURE_FAILED, "authorization_lapsed"
        return True

    def correct(self, kind: str, *, by: int) -> None:
        """Let the amount that this has led to be another by so much."""
        if kind == Kind.REFUND:
            self.refunded += by
        elif kind == Kind.CAPTURE:
            self.captured += by
        elif kind != Kind.VOID:
            self.authorized += by

    def refuse(self, kind: str, reason: str) -> bool:
        """Take it into account that the gateway refused this; return whether it counts."""
        if not self.hears(REFUSED[Kind(kind)]):
            return False
        self.reason = reason[:200]
        return True

    def decline(self, reason: str) -> None:
        """Decline without asking a gateway."""
        self.refuse(Kind.AUTHORIZE, reason)

    def due(self) -> Due | None:
        """Return what the facts demand of the gateway next, in this state."""
        is_capturable = self.state in {self.State.AUTHORIZED, self.State.CAPTURE_FAILED}
        is_captured = self.state in {self.State.CAPTURED, self.State.REFUNDED}
        if self.state == self.State.PENDING and self.placed_at:
            return Due(Kind.AUTHORIZE, self.target)
        if self.is_ended and is_capturable:
            return Due(Kind.VOID, self.authorized)
        if self.is_ended and is_captured and self.captured > self.refunded:
            return Due(Kind.REFUND, self.captured - self.refunded, reason="order_ended")
        if self.state == self.State.AUTHORIZED:
            return self._due_of_goods()
        excess = self.captured - self.target - self.refunded
        if is_captured and self.is_fulfilled and excess > 0:  # it was captured before its time
            return Due(Kind.REFUND, excess, reason="captured_early")
        return None

    def _due_of_goods(self) -> Due | None:
        if self.is_fulfilled:
            return Due(Kind.CAPTURE, self.target)
        if self.is_lapsing and self.is_shipped:
            return Due(Kind.CAPTURE, self.target, reason="lapsing")
        if self.is_lapsing:
            return Due(Kind.VOID, self.authorized, reason="lapsing")
        return Due(Kind.AMEND, self.target) if self.target < self.authorized else None

    def store(self, *, at: dt.datetime) -> None:
        """Write the row, as its next version."""
        self.version, self.updated_at = self.version + 1, at
        self.save(force_update=True)
