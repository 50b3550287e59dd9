"""Mails about orders: written down before they are sent, and what became of each."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import models
from django.db.models import Q

from kernel.ids import new_id
from kernel.mail import digest_of
from kernel.states import StateTable

# A mail waits for what it needs to know: its order, its reader's address. `suppressed`: the address
# was found to take none; `dropped`: its reader was erased.
MAIL = StateTable.parse(
    "Mail",
    """
    state      | needs_met | needs_more | dropped | suppressed | taken  | refused | bounced | complained
    WAITING    | READY     | ignore     | DROPPED | ignore     | ignore | ignore  | ignore  | ignore
    READY      | ignore    | WAITING    | DROPPED | SUPPRESSED | SENT   | REFUSED | BOUNCED | COMPLAINED
    SENT       | ignore    | ignore     | ignore  | ignore     | ignore | ignore  | BOUNCED | COMPLAINED
    REFUSED    | ignore    | ignore     | ignore  | ignore     | ignore | ignore  | ignore  | ignore
    BOUNCED    | ignore    | ignore     | ignore  | ignore     | ignore | ignore  | ignore  | ignore
    COMPLAINED | ignore    | ignore     | ignore  | ignore     | ignore | ignore  | ignore  | ignore
    SUPPRESSED | ignore    | ignore     | ignore  | ignore     | ignore | ignore  | ignore  | ignore
    DROPPED    | ignore    | ignore     | ignore  | ignore     | ignore | ignore  | ignore  | ignore
    """,  # noqa: E501 -- a table stays one
)


class Correspondence(models.Model):
    """
    An order as its mails speak of it, as it was placed; empty until that is heard.

    The address is forgotten with the one mail that shows it, a guest's own with the row.
    """

    order_id = models.UUIDField(primary_key=True)
    number = models.CharField(max_length=30, blank=True, db_index=True)
    customer_id = models.UUIDField(null=True, db_index=True, help_text="Empty for a guest.")
    email = models.EmailField(max_length=254, blank=True, help_text="A guest's alone.")
    locale = models.CharField(max_length=35, default="en")
    terms = models.JSONField(null=True, help_text="Lines, delivery, discounts, taxes and total.")
    address = models.JSONField(null=True)
    placed_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        verbose_name_plural = "correspondences"

    def __str__(self) -> str:
        return self.number or str(self.order_id)

    @classmethod
    def lock(cls, order_id: uuid.UUID) -> Correspondence:
        """Return the order's row, made at need, held until the transaction ends."""
        row = Correspondence(order_id=order_id)
        Correspondence.objects.bulk_create([row], ignore_conflicts=True)
        return Correspondence.objects.select_for_update().get(order_id=order_id)

    def note(self, facts: Mapping[str, Any]) -> None:
        """Remember what was ordered, by whom, and in which language they read."""
        for name, value in facts.items():
            setattr(self, name, value)
        self.save(update_fields=list(facts))

    def forget_address(self) -> None:
        """Forget where it goes."""
        self.address = None
        self.save(update_fields=["address"])


class Mail(models.Model):
    """One mail about an order, which leaves at most once; its text is made when it does."""

    class Kind(models.TextChoices):
        """What it tells; `about` is the id of what that is told of."""

        PLACED = "PLACED", "Order placed"
        SHIPPED = "SHIPPED", "Order shipped"
        CANCELLED = "CANCELLED", "Order cancelled"
        FAILED = "FAILED", "Order failed"
        INVOICE = "INVOICE", "Invoice"
        CREDIT_NOTE = "CREDIT_NOTE", "Refund, with its credit note"
        LINK = "LINK", "Link to the order"

    class State(models.TextChoices):
        """How far it is; `MAIL` tells what follows on what."""

        WAITING = "WAITING", "Waits for order or address"
        READY = "READY", "To be sent"
        SENT = "SENT", "Sent"
        REFUSED = "REFUSED", "Refused at once"
        BOUNCED = "BOUNCED", "Came back"
        COMPLAINED = "COMPLAINED", "Called spam"
        SUPPRESSED = "SUPPRESSED", "Not sent: the address takes none"
        DROPPED = "DROPPED", "Not sent: the person was erased"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=12, choices=Kind)
    order = models.ForeignKey(Correspondence, on_delete=models.CASCADE, related_name="mails")
    about = models.UUIDField(help_text="The order, the invoice, the credit note or the request.")
    facts = models.JSONField(default=dict, help_text="Of the fact that it tells; nothing personal.")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    reason = models.CharField(max_length=100, blank=True, help_text="Why it came back.")
    tries = models.PositiveIntegerField(default=0)
    copy_of = models.UUIDField(null=True, help_text="The first one, if staff sent it again.")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["kind", "about"],
                condition=Q(copy_of=None),
                name="invoices_mail_tells_once",
            ),
            models.CheckConstraint(
                condition=~Q(state="SENT") | Q(sent_at__isnull=False), name="invoices_mail_sent_at"
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=[
                        *("PLACED", "SHIPPED", "CANCELLED", "FAILED"),
                        *("INVOICE", "CREDIT_NOTE", "LINK"),
                    ]
                ),
                name="invoices_mail_kind",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        *("WAITING", "READY", "SENT", "REFUSED"),
                        *("BOUNCED", "COMPLAINED", "SUPPRESSED", "DROPPED"),
                    ]
                ),
                name="invoices_mail_state",
            ),
        )
        indexes = (
            models.Index(fields=["id"], condition=Q(state="WAITING"), name="invoices_mail_waiting"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.id}"

    @property
    def is_under_way(self) -> bool:
        """Whether it has neither left nor been given up."""
        return self.state in {self.State.WAITING, self.State.READY}

    def follow(self, event: str, **facts: Any) -> bool:
        """Let a column of `MAIL` take place; return whether the state is another now."""
        state = MAIL.cell(self.state, event).to
        self.state = state or self.state
        for name, value in facts.items():
            setattr(self, name, value)
        self.save(update_fields=["state", *facts])
        return state is not None

    def count_try(self) -> None:
        """Note, before the call, that it is sent."""
        self.tries += 1
        self.save(update_fields=["tries"])


class BouncedAddress(models.Model):
    """An address that takes no mail, or wants none; by a keyed hash, which names no one."""

    class Reason(models.TextChoices):
        BOUNCED = "BOUNCED", "There is no such mailbox"
        COMPLAINED = "COMPLAINED", "Its owner called a mail spam"

    digest = models.CharField(max_length=64, primary_key=True)
    reason = models.CharField(max_length=10, choices=Reason)
    mail_id = models.UUIDField(null=True, help_text="The mail that told, if it was about an order.")
    noted_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "bounced addresses"

    def __str__(self) -> str:
        return self.digest[:12]

    @classmethod
    def note(
        cls, email: str, *, reason: str, mail_id: uuid.UUID | None, noted_at: dt.datetime
    ) -> None:
        """Remember it; the first reason stays."""
        row = BouncedAddress(
            digest=digest_of(email), reason=reason, mail_id=mail_id, noted_at=noted_at
        )
        BouncedAddress.objects.bulk_create([row], ignore_conflicts=True)

    @classmethod
    def has(cls, email: str) -> bool:
        """Say whether mails to this address are of no use."""
        return cls.objects.filter(digest=digest_of(email)).exists()
