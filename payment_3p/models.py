"""The third party's books: payments, their entries, remembered answers, and webhooks to send."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import ClassVar

from django.db import models

from payment_3p.cards import Behaviour
from payment_3p.forms import EntryShown, PaymentShown


def _new_token() -> str:
    return f"tok_{secrets.token_hex(16)}"


class Payment(models.Model):
    """What a token stands for: a card, and what is held, captured and refunded on it."""

    class State(models.TextChoices):
        NEW = "NEW"  # a token, nothing held yet
        HELD = "HELD"
        CAPTURED = "CAPTURED"
        CANCELLED = "CANCELLED"

    token = models.CharField(max_length=64, unique=True, default=_new_token)
    state = models.CharField(max_length=10, choices=State, default=State.NEW)
    behaviour = models.CharField(max_length=20, choices=[(b.value, b.name) for b in Behaviour])
    last4 = models.CharField(max_length=4)
    currency = models.CharField(max_length=3)
    limit = models.BigIntegerField()
    held = models.BigIntegerField(default=0)
    captured = models.BigIntegerField(default=0)
    refunded = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()

    entries: models.Manager[Entry]
    objects: ClassVar[models.Manager[Payment]] = models.Manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(held__gte=0, held__lte=models.F("limit")), name="payment_3p_held"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    captured__gte=0, refunded__gte=0, refunded__lte=models.F("captured")
                ),
                name="payment_3p_refunded_of_captured",
            ),
        )

    def __str__(self) -> str:
        return self.token

    def shown(self) -> PaymentShown:
        """Return what the owner of the API key may know of it."""
        return PaymentShown(
            payment_token=self.token,
            state=self.State(self.state).value,
            currency=self.currency,
            limit=self.limit,
            held=self.held,
            captured=self.captured,
            refunded=self.refunded,
            created_at=self.created_at,
        )


class Entry(models.Model):
    """One thing that was done; never changed. `reference` is the caller's Idempotency-Key."""

    class Operation(models.TextChoices):
        CHECK = "check"
        UPDATE_AMOUNT = "updateAmount"
        PROCESS_PAYMENT = "processPayment"
        CANCEL_PAYMENT = "cancelPayment"
        REFUND = "refund"

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="entries")
    operation = models.CharField(max_length=20, choices=Operation)
    amount = models.BigIntegerField()
    fee = models.BigIntegerField(default=0)
    reference = models.CharField(max_length=255, blank=True)
    made_at = models.DateTimeField()

    objects: ClassVar[models.Manager[Entry]] = models.Manager()

    class Meta:
        indexes = (models.Index(fields=["made_at"], name="payment_3p_entry_made_at"),)

    def __str__(self) -> str:
        return f"{self.operation} {self.amount}"

    def shown(self) -> EntryShown:
        """Return the entry as the books show it."""
        return EntryShown(
            operation=self.Operation(self.operation).value,
            amount=self.amount,
            fee=self.fee,
            reference=self.reference,
            made_at=self.made_at,
        )


class Answer(models.Model):
    """The answer to an Idempotency-Key; forgotten after KEY_LIFETIME, as gateways do."""

    KEY_LIFETIME = dt.timedelta(hours=24)

    key = models.CharField(max_length=255, primary_key=True)
    fingerprint = models.CharField(max_length=64)
    body = models.JSONField()
    created_at = models.DateTimeField()

    objects: ClassVar[models.Manager[Answer]] = models.Manager()

    def __str__(self) -> str:
        return self.key


class Webhook(models.Model):
    """A message to the shop that a payment changed; tried a few times, then given up."""

    MAX_TRIES = 6

    body = models.TextField()
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()

    objects: ClassVar[models.Manager[Webhook]] = models.Manager()

    class Meta:
        indexes = (
            models.Index(
                fields=["next_try_at"],
                name="payment_3p_webhook_unsent",
                condition=models.Q(sent_at=None, tries__lt=6),
            ),
        )

    def __str__(self) -> str:
        return f"Webhook {self.pk}"
