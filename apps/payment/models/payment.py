"""Payments: which state may follow which, and what the facts demand of the gateway."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid

from django.db import IntegrityError, models

from kernel.refusals import Refusal
from kernel.states import StateTable
from kernel.transactions import savepoint

# `remember`: the fact is kept, and what it demands is wished of the gateway; the state follows
# with the answer. PENDING holds until the order was heard of and its authorization answered.
# An order that ended (cancelled, failed) wins over one that was fulfilled: nothing is kept.
# VOIDED says that nothing is held and nothing kept, also where nothing was ever authorized.
PAYMENT = StateTable.parse(
    "Payment",
    """
    state          | placed                | modified | fulfilled           | ended
    PENDING        | remember > AUTHORIZED | remember | remember            | remember > VOIDED
    AUTHORIZED     | ignore                | remember | remember > CAPTURED | remember > VOIDED
    DECLINED       | ignore                | ignore   | ignore              | ignore
    CAPTURED       | ignore                | ignore   | ignore              | remember > REFUNDED
    CAPTURE_FAILED | ignore                | remember | ignore              | remember > VOIDED
    VOIDED         | ignore                | ignore   | ignore              | ignore
    REFUNDED       | ignore                | ignore   | ignore              | remember > REFUNDED

    state          | authorized | amended    | captured | voided | refunded
    PENDING        | AUTHORIZED | ignore     | ignore   | ignore | ignore
    AUTHORIZED     | ignore     | AUTHORIZED | CAPTURED | VOIDED | ignore
    DECLINED       | ignore     | ignore     | ignore   | ignore | ignore
    CAPTURED       | ignore     | ignore     | ignore   | ignore | REFUNDED
    CAPTURE_FAILED | ignore     | ignore     | CAPTURED | VOIDED | ignore
    VOIDED         | ignore     | ignore     | ignore   | ignore | ignore
    REFUNDED       | ignore     | ignore     | ignore   | ignore | REFUNDED

    state          | declined | amend_refused | capture_refused | void_refused | refund_refused
    PENDING        | DECLINED | ignore        | ignore          | ignore       | ignore
    AUTHORIZED     | ignore   | ignore        | CAPTURE_FAILED  | ignore       | ignore
    DECLINED       | ignore   | ignore        | ignore          | ignore       | ignore
    CAPTURED       | ignore   | ignore        | ignore          | ignore       | ignore
    CAPTURE_FAILED | ignore   | ignore        | CAPTURE_FAILED  | ignore       | ignore
    VOIDED         | ignore   | ignore        | ignore          | ignore       | ignore
    REFUNDED       | ignore   | ignore        | ignore          | ignore       | ignore

    state          | refund_requested    | capture_retried     | written_off
    PENDING        | refuse              | refuse              | refuse
    AUTHORIZED     | refuse              | refuse              | refuse
    DECLINED       | refuse              | refuse              | refuse
    CAPTURED       | remember > REFUNDED | refuse              | refuse
    CAPTURE_FAILED | refuse              | remember > CAPTURED | remember > VOIDED
    VOIDED         | refuse              | refuse              | refuse
    REFUNDED       | remember > REFUNDED | refuse              | refuse
    """,
)


class WrongPaymentState(Refusal):
    """The payment is in no state that allows this."""


class Kind(models.TextChoices):
    """What can be wished of a gateway."""

    AUTHORIZE = "AUTHORIZE", "Authorize"
    AMEND = "AMEND", "Lower the amount held"
    CAPTURE = "CAPTURE", "Capture"
    VOID = "VOID", "Void"
    REFUND = "REFUND", "Refund"


_ACCEPTED = {
    Kind.AUTHORIZE: "authorized",
    Kind.AMEND: "amended",
    Kind.CAPTURE: "captured",
    Kind.VOID: "voided",
    Kind.REFUND: "refunded",
}
_REFUSED = {
    Kind.AUTHORIZE: "declined",
    Kind.AMEND: "amend_refused",
    Kind.CAPTURE: "capture_refused",
    Kind.VOID: "void_refused",
    Kind.REFUND: "refund_refused",
}


@dataclasses.dataclass(frozen=True)
class Due:
    """What the facts demand of the gateway."""

    kind: Kind
    amount: int
    reason: str = ""


class Payment(models.Model):
    """The money of one order. Amounts are in minor units of its currency."""

    class State(models.TextChoices):
        PENDING = "PENDING", "Pending"
        AUTHORIZED = "AUTHORIZED", "Authorized"
        DECLINED = "DECLINED", "Declined"
        CAPTURED = "CAPTURED", "Captured"
        CAPTURE_FAILED = "CAPTURE_FAILED", "Capture failed"
        VOIDED = "VOIDED", "Voided"
        REFUNDED = "REFUNDED", "Refunded, partly or whole"

    order_id = models.UUIDField(primary_key=True)
    state = models.CharField(max_length=20, choices=State, default=State.PENDING)
    gateway = models.CharField(max_length=30, blank=True)
    token = models.CharField(max_length=255, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    target = models.BigIntegerField(default=0, help_text="The order's newest total.")
    target_version = models.PositiveIntegerField(
        default=0, help_text="The order's version that the total is of."
    )
    placed_at = models.DateTimeField(null=True, help_text="When the order itself was heard of.")
    is_fulfilled = models.BooleanField(default=False)
    is_ended = models.BooleanField(default=False, help_text="The order was cancelled, or failed.")
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
                condition=~models.Q(state__in=["PENDING", "DECLINED", "VOIDED"])
                | models.Q(authorized=0, captured=0),
                name="payment_nothing_held",
            ),
        )
        indexes = (models.Index(fields=["state", "-order_id"], name="payment_state"),)

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
        if not self.hears(_ACCEPTED[Kind(kind)]):
            return False
        if kind == Kind.REFUND:
            self.refunded += amount
        elif kind == Kind.CAPTURE:
            self.captured = amount
        else:
            self.authorized = 0 if kind == Kind.VOID else amount
        return True

    def refuse(self, kind: str, reason: str) -> bool:
        """Take it into account that the gateway refused this; return whether it counts."""
        if not self.hears(_REFUSED[Kind(kind)]):
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
        return None

    def _due_of_goods(self) -> Due | None:
        if self.is_fulfilled:
            return Due(Kind.CAPTURE, self.target)
        return Due(Kind.AMEND, self.target) if self.target < self.authorized else None

    def store(self, *, at: dt.datetime) -> None:
        """Write the row, as its next version."""
        self.version, self.updated_at = self.version + 1, at
        self.save(force_update=True)
