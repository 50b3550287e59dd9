"""The ledger: every amount that moved, from one account to another, for ever."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator

from django.db import models

from apps.payment.models.difference import Difference
from apps.payment.models.operation import Operation
from apps.payment.models.payment import Payment
from kernel.ids import new_id


class Account(models.TextChoices):
    """Where money can be. The first two are memoranda: what is held is nobody's but theirs."""

    HELD = "HELD", "Held at the gateway"
    PLEDGED = "PLEDGED", "Pledged by the customer"
    CUSTOMER = "CUSTOMER", "Owed by the customer"
    CLEARING = "CLEARING", "Owed by the gateway"
    REVENUE = "REVENUE", "Revenue"
    REFUNDS = "REFUNDS", "Refunds"
    FEES = "FEES", "Gateway fees"


# What a growing amount debits and credits; what shrinks goes the other way.
_MOVES: dict[str, tuple[tuple[Account, Account], ...]] = {
    "held": ((Account.HELD, Account.PLEDGED),),
    "captured": ((Account.CUSTOMER, Account.REVENUE), (Account.CLEARING, Account.CUSTOMER)),
    "refunded": ((Account.REFUNDS, Account.CUSTOMER), (Account.CUSTOMER, Account.CLEARING)),
    "fee": ((Account.FEES, Account.CLEARING),),
}
_MEMORANDA = [Account.HELD, Account.PLEDGED]


@dataclasses.dataclass(frozen=True)
class Amounts:
    """How a payment stands, in minor units."""

    held: int
    captured: int
    refunded: int
    fee: int = 0

    @classmethod
    def of(cls, payment: Payment) -> Amounts:
        """Return how a payment stands; what was captured is no longer held."""
        is_holding = payment.state in {Payment.State.AUTHORIZED, Payment.State.CAPTURE_FAILED}
        held = payment.authorized if is_holding else 0
        return cls(held=held, captured=payment.captured, refunded=payment.refunded)

    def moves_to(self, after: Amounts) -> Iterator[tuple[Account, Account, int]]:
        """Yield what is debited, what is credited, and how much, to come from here to there."""
        for name, pairs in _MOVES.items():
            change = getattr(after, name) - getattr(self, name)
            for debit, credit in pairs if change else ():
                yield (debit, credit, change) if change > 0 else (credit, debit, -change)


class LedgerEntry(models.Model):
    """
    An amount that moved from one account (credit) to another (debit).

    Both sides stand in one row with one amount: there is no entry that doesn't balance. No row is
    ever changed or removed; what was wrong is set right by a further one.
    """

    id = models.UUIDField(primary_key=True, default=new_id)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="ledger")
    operation = models.ForeignKey(
        Operation, on_delete=models.PROTECT, related_name="ledger", db_index=False
    )
    difference = models.ForeignKey(
        Difference,
        on_delete=models.PROTECT,
        null=True,
        related_name="ledger",
        help_text="The difference to the gateway's books that it sets right.",
    )
    debit = models.CharField(max_length=10, choices=Account)
    credit = models.CharField(max_length=10, choices=Account)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints = (
            # An operation moves money once, however often it is answered.
            models.UniqueConstraint(
                fields=["operation", "debit", "credit", "difference"],
                name="payment_ledger_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gt=0), name="payment_ledger_moves_something"
            ),
            models.CheckConstraint(
                condition=~models.Q(debit=models.F("credit")), name="payment_ledger_two_sides"
            ),
            models.CheckConstraint(
                condition=models.Q(debit__in=Account.values, credit__in=Account.values),
                name="payment_ledger_known_accounts",
            ),
            # What is only held never becomes what is owned by an entry.
            models.CheckConstraint(
                condition=models.Q(debit__in=_MEMORANDA, credit__in=_MEMORANDA)
                | (~models.Q(debit__in=_MEMORANDA) & ~models.Q(credit__in=_MEMORANDA)),
                name="payment_ledger_memoranda_apart",
            ),
        )

    def __str__(self) -> str:
        return f"{self.debit} {self.amount} {self.currency} {self.credit}"

    @staticmethod
    def post(
        operation: Operation,
        *,
        before: Amounts,
        after: Amounts,
        at: dt.datetime,
        difference: Difference | None = None,
    ) -> int:
        """Enter what an operation moved, or what a difference moves; return how many entries."""
        payment = operation.payment
        entries = [
            LedgerEntry(
                payment=payment,
                operation=operation,
                difference=difference,
                debit=debit,
                credit=credit,
                amount=amount,
                currency=payment.currency,
                at=at,
            )
            for debit, credit, amount in before.moves_to(after)
        ]
        return len(LedgerEntry.objects.bulk_create(entries))
