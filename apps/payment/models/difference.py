"""What a gateway's books tell otherwise than ours, and what became of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from typing import Any, ClassVar

from django.db import models

from apps.payment.models import kinds
from apps.payment.models.operation import Operation
from apps.payment.models.payment import Payment
from apps.payment.models.reconciliation import Reconciliation
from kernel.ids import new_id
from kernel.refusals import Refusal


class DifferenceNotOpen(Refusal):
    """What became of the difference is decided."""

    members: ClassVar = {"state": str}


class RemedyImpossible(Refusal):
    """This can't mend such a difference."""


class Remedy(models.TextChoices):
    """What staff can do about a difference."""

    ASK_AGAIN = "ASK_AGAIN", "Ask the gateway again"
    TAKE_OVER = "TAKE_OVER", "Take over what the gateway did"
    UNDO = "UNDO", "Undo it at the gateway"
    ACCEPT = "ACCEPT", "Accept it for a reason"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that the two books tell otherwise. What is None, one of them doesn't know."""

    kind: str
    doing: str  # one of payment's Kind
    token: str
    currency: str
    entry: str = ""
    reference: str = ""
    operation: Operation | None = None
    payment: Payment | None = None
    our_state: str = ""
    our_amount: int | None = None
    our_fee: int | None = None
    their_amount: int | None = None
    their_fee: int | None = None
    made_at: dt.datetime | None = None
    payment_reference: str = ""

    @property
    def figures(self) -> dict[str, Any]:
        """What a difference that was accepted is the same by."""
        names = ("our_state", "our_amount", "our_fee", "their_amount", "their_fee")
        return {name: getattr(self, name) for name in names}


class Difference(models.Model):
    """One thing that a gateway's books tell otherwise than ours."""

    class Kind(models.TextChoices):
        MISSING_AT_GATEWAY = "MISSING_AT_GATEWAY", "Missing at the gateway"
        MISSING_HERE = "MISSING_HERE", "Missing here"
        AMOUNT_DIFFERS = "AMOUNT_DIFFERS", "Another amount"
        STATE_DIFFERS = "STATE_DIFFERS", "Done there, not here"
        FEE_DIFFERS = "FEE_DIFFERS", "Another fee"

    class State(models.TextChoices):
        OPEN = "OPEN", "Open"
        ASKED = "ASKED", "The gateway was asked"
        REMEDIED = "REMEDIED", "Remedied"
        ACCEPTED = "ACCEPTED", "Accepted for a reason"
        GONE = "GONE", "No longer found"

    REMEDIES: ClassVar[dict[str, tuple[Remedy, ...]]] = {
        Kind.MISSING_AT_GATEWAY: (Remedy.ASK_AGAIN, Remedy.ACCEPT),
        Kind.MISSING_HERE: (Remedy.TAKE_OVER, Remedy.UNDO, Remedy.ACCEPT),
        Kind.AMOUNT_DIFFERS: (Remedy.TAKE_OVER, Remedy.ACCEPT),
        Kind.STATE_DIFFERS: (Remedy.ASK_AGAIN, Remedy.TAKE_OVER, Remedy.UNDO, Remedy.ACCEPT),
        Kind.FEE_DIFFERS: (Remedy.TAKE_OVER, Remedy.ACCEPT),
    }
    OPEN: ClassVar = (State.OPEN, State.ASKED)
    # What undoes a thing at the gateway.
    UNDOING: ClassVar[dict[str, str]] = {
        kinds.Kind.AUTHORIZE: kinds.Kind.VOID,
        kinds.Kind.CAPTURE: kinds.Kind.REFUND,
    }

    id = models.UUIDField(primary_key=True, default=new_id)
    reconciliation = models.ForeignKey(
        Reconciliation, on_delete=models.PROTECT, related_name="found"
    )
    gateway = models.CharField(max_length=30)
    on = models.DateField()
    kind = models.CharField(max_length=20, choices=Kind)
    doing = models.CharField(max_length=10, choices=kinds.Kind)
    entry = models.CharField(max_length=255, blank=True, help_text="The gateway's name of it.")
    reference = models.CharField(max_length=255, blank=True)
    token = models.CharField(max_length=255)
    currency = models.CharField(max_length=3)
    operation = models.ForeignKey(Operation, on_delete=models.PROTECT, null=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, null=True)
    our_state = models.CharField(max_length=10, blank=True)
    our_amount = models.BigIntegerField(null=True)
    our_fee = models.BigIntegerField(null=True)
    their_amount = models.BigIntegerField(null=True)
    their_fee = models.BigIntegerField(null=True)
    made_at = models.DateTimeField(null=True, help_text="When the gateway did it.")
    payment_reference = models.CharField(
        max_length=255,
        blank=True,
        default="",
        db_default="",
        help_text="What the gateway calls the payment.",
    )
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    remedy = models.CharField(max_length=10, choices=Remedy, blank=True)
    reason = models.CharField(max_length=500, blank=True, help_text="Why it was accepted.")
    refusal = models.CharField(max_length=200, blank=True, help_text="Why the gateway refused.")
    seen_at = models.DateTimeField(help_text="When it was last found.")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["gateway", "kind", "entry", "operation"],
                name="payment_difference_once",
                condition=models.Q(state__in=["OPEN", "ASKED"]),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["OPEN", "GONE"]) | models.Q(decided_at__isnull=False),
                name="payment_difference_decided",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="ACCEPTED") | ~models.Q(reason=""),
                name="payment_difference_accepted_for_a_reason",
            ),
        )
        indexes = (
            models.Index(
                fields=["gateway", "on"],
                name="payment_difference_open",
                condition=models.Q(state__in=["OPEN", "ASKED"]),
            ),
            models.Index(fields=["gateway", "entry"], name="payment_difference_entry"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.doing} of {self.gateway} on {self.on}"

    @classmethod
    def note(cls, finding: Finding, *, reconciliation: Reconciliation, at: dt.datetime) -> None:
        """Write down what was found; what was found before, or settled as it is, only once."""
        same = cls.objects.filter(
            gateway=reconciliation.gateway,
            kind=finding.kind,
            entry=finding.entry,
            operation=finding.operation,
        )
        # What was undone or taken over without a name of ours stays in the gateway's books.
        settled = models.Q(state=cls.State.ACCEPTED)
        if finding.entry:
            settled |= models.Q(state=cls.State.REMEDIED)
        if same.filter(settled, **finding.figures).exists():
            return
        if same.filter(state__in=cls.OPEN).update(seen_at=at, **finding.figures):
            return
        facts = {field.name: getattr(finding, field.name) for field in dataclasses.fields(finding)}
        cls.objects.create(
            reconciliation=reconciliation,
            gateway=reconciliation.gateway,
            on=reconciliation.on,
            seen_at=at,
            **facts,
        )

    @classmethod
    def locked(cls, difference_id: uuid.UUID) -> Difference:
        """Return it, locked."""
        return cls.objects.select_for_update().get(id=difference_id)

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """What can be done about it by now."""
        if self.state not in self.OPEN:
            return ()
        return tuple(remedy for remedy in self.REMEDIES[self.kind] if self._allows(remedy))

    def _allows(self, remedy: Remedy) -> bool:
        match remedy:
            case Remedy.UNDO:  # not what is still wished: it would be done once more
                return self.doing in self.UNDOING and self.our_state != Operation.State.WISHED
            case Remedy.TAKE_OVER:
                return self.payment_id is not None
            case Remedy.ASK_AGAIN:
                return self.our_state != Operation.State.REFUSED
            case _:
                return True

    def is_outlived_by(self, operation: Operation) -> bool:
        """Say whether what was not done here has been since: its answer came after all."""
        was_not_done = self.kind == self.Kind.STATE_DIFFERS
        return was_not_done and operation.state == Operation.State.DONE

    def demand(self, remedy: Remedy) -> None:
        """
        Go on only if this can mend it.

        :raises DifferenceNotOpen, RemedyImpossible:
        """
        if self.state not in self.OPEN:
            raise DifferenceNotOpen(f"The difference is {self.state}.", state=self.state)
        if remedy not in self.remedies:
            raise RemedyImpossible

    def ask(self, remedy: Remedy, *, at: dt.datetime) -> None:
        """Note that the gateway is to be asked."""
        self._decide(self.State.ASKED, remedy, at)

    def settle(self, remedy: Remedy, *, at: dt.datetime, reason: str = "") -> None:
        """Note what became of it."""
        is_accepted = remedy == Remedy.ACCEPT
        self.reason = reason
        self._decide(self.State.ACCEPTED if is_accepted else self.State.REMEDIED, remedy, at)

    def fail(self, refusal: str) -> None:
        """Note that the gateway refused the remedy: another must be found."""
        self.state, self.refusal = self.State.OPEN, refusal[:200]
        self.save()

    def vanish(self) -> None:
        """Note that there is nothing left to mend."""
        self.state = self.State.GONE
        self.save()

    def _decide(self, state: State, remedy: Remedy, at: dt.datetime) -> None:
        self.state, self.remedy, self.decided_at, self.refusal = state, remedy, at, ""
        self.save()
