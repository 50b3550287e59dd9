"""What was wished of a gateway for a payment."""

from __future__ import annotations

import datetime as dt

from django.db import models

from apps.payment.models.kinds import Kind
from apps.payment.models.payment import Payment
from kernel.ids import new_id

# The watch asks again when a wish's age has doubled, within these bounds.
SHORTEST_PAUSE, LONGEST_PAUSE = dt.timedelta(minutes=1), dt.timedelta(hours=1)
# What began to wait together is not asked for together: each pause is shorter by up to this part.
SPREAD = 0.25


class Operation(models.Model):
    """
    One wish to a gateway: written before the call, its id the idempotency key, answered once.

    At most one that changes what is held is open for a payment; refunds stand beside each other.
    """

    class State(models.TextChoices):
        WISHED = "WISHED", "Wished, no answer yet"
        DONE = "DONE", "Done"
        REFUSED = "REFUSED", "Refused"

    id = models.UUIDField(primary_key=True, default=new_id)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="operations")
    kind = models.CharField(max_length=10, choices=Kind)
    amount = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.WISHED)
    reason = models.CharField(max_length=500, blank=True, help_text="Why it was wished.")
    refusal = models.CharField(max_length=200, blank=True, help_text="Why the gateway refused.")
    created_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True, help_text="When the gateway was last called.")
    answered_at = models.DateTimeField(null=True)
    fee = models.BigIntegerField(null=True, help_text="What the gateway kept; null: not yet told.")
    reconciled_at = models.DateTimeField(
        null=True, help_text="When it was last found in the gateway's books."
    )
    tries = models.PositiveIntegerField(default=0)
    next_ask_at = models.DateTimeField(help_text="From when on the watch asks for it again.")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["payment"],
                name="payment_one_open_operation",
                condition=models.Q(state="WISHED") & ~models.Q(kind="REFUND"),
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gte=0), name="payment_operation_not_negative"
            ),
            models.CheckConstraint(
                condition=models.Q(state="WISHED", answered_at=None)
                | models.Q(state__in=["DONE", "REFUSED"], answered_at__isnull=False),
                name="payment_operation_answered",
            ),
        )
        indexes = (
            models.Index(
                fields=["next_ask_at"],
                name="payment_operation_open",
                condition=models.Q(state="WISHED"),
            ),
            models.Index(
                fields=["answered_at"],
                name="payment_operation_done",
                condition=models.Q(state="DONE"),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} of order {self.payment_id}"

    @property
    def is_open(self) -> bool:
        """Whether the gateway's answer is still waited for."""
        return self.state == self.State.WISHED

    def wait(self, *, at: dt.datetime) -> None:
        """Let the watch ask for it later, and the later the longer it has waited."""
        pause = min(max(at - self.created_at, SHORTEST_PAUSE), LONGEST_PAUSE)
        # Not by dice: the wish's own id has chance enough, and the same run waits the same.
        self.next_ask_at = at + pause * (1 - SPREAD * (self.id.int % 1000) / 1000)

    def note_call(self, *, at: dt.datetime) -> None:
        """Note that the gateway is about to be called."""
        self.tries, self.asked_at = self.tries + 1, at
        self.save(update_fields=["tries", "asked_at"])

    def close(self, *, refusal: str | None, at: dt.datetime, fee: int | None = None) -> None:
        """Write the answer: done, for a fee if that was told, or refused for a reason."""
        self.state = self.State.DONE if refusal is None else self.State.REFUSED
        self.refusal, self.answered_at, self.fee = (refusal or "")[:200], at, fee
        self.save(update_fields=["state", "refusal", "answered_at", "fee"])

    def learn_fee(self, fee: int | None) -> None:
        """Note what the gateway kept, which it told later than its answer."""
        self.fee = fee
        self.save(update_fields=["fee"])

    def correct(self, *, amount: int, fee: int | None) -> None:
        """Let amount and fee be what the gateway's books say."""
        self.amount, self.fee = amount, fee
        self.save(update_fields=["amount", "fee"])
