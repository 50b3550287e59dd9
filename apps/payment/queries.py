"""Reads: one statement for a list, two for a payment with its operations."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db.models import Case, F, Q, QuerySet, Sum, When
from django.db.models.functions import Coalesce

from apps.payment.models import (
    Account,
    Circuit,
    Difference,
    Kind,
    LedgerEntry,
    Operation,
    Payment,
    Reconciliation,
)

MAX_OPERATIONS = 100

Row = dict[str, Any]

_PAYMENTS: QuerySet[Payment, Any] = Payment.objects.values(
    "order_id",
    "state",
    "gateway",
    "currency",
    "target",
    "authorized",
    "captured",
    "refunded",
    "held_until",
    "reason",
    "version",
    "created_at",
    "updated_at",
)
_OPERATIONS: QuerySet[Operation, Any] = Operation.objects.values(
    "id", "kind", "state", "amount", "reason", "refusal", "created_at", "answered_at", "tries"
)


def payments(
    *, order_id: uuid.UUID | None = None, state: str | None = None
) -> QuerySet[Payment, Any]:
    """Return payments, of one order and in one state if these are given."""
    found = _PAYMENTS.all()
    if order_id:
        found = found.filter(order_id=order_id)
    return found.filter(state=state) if state else found


def payment(order_id: uuid.UUID) -> Row | None:
    """Return one payment, or None."""
    return _PAYMENTS.filter(order_id=order_id).first()


def operations(order_id: uuid.UUID) -> QuerySet[Operation, Any]:
    """Return the newest operations of a payment, at most a hundred."""
    return _OPERATIONS.filter(payment_id=order_id).order_by("-id")[:MAX_OPERATIONS]


def circuits() -> QuerySet[Circuit]:
    """Return how each gateway is."""
    return Circuit.objects.all()


def balances(order_id: uuid.UUID | None = None) -> dict[tuple[str, str], int]:
    """
    Return what each account has by now, by account and currency: of one payment, or of all.

    Debits count, credits count against them: what is owed to us and what we spent is above zero,
    revenue and what customers pledge is below; all accounts together are zero.
    """
    entries = LedgerEntry.objects.filter(payment_id=order_id) if order_id else LedgerEntry.objects
    found: dict[tuple[str, str], int] = {}
    for side, sign in (("debit", 1), ("credit", -1)):
        sums = entries.values_list(side, "currency").annotate(sum=Sum("amount")).order_by()
        for account, currency, amount in sums:
            found[account, currency] = found.get((account, currency), 0) + sign * amount
    return found


def silent_gateways() -> dict[str, bool]:
    """Return of each gateway through which orders are paid whether it is left alone."""
    opened = dict(Circuit.objects.values_list("gateway", "opened_at"))
    return {name: opened.get(name) is not None for name in settings.PAYMENT_GATEWAYS}


def count_open_differences() -> int:
    """Return how many differences to the gateways' books nobody has settled."""
    return Difference.objects.filter(state__in=Difference.OPEN).count()


def open_differences(run: Reconciliation) -> Iterator[Difference]:
    """Yield what is open of the day that was compared, oldest first."""
    rows = Difference.objects.filter(
        gateway=run.gateway, on=run.on, state__in=Difference.OPEN
    ).order_by("id")
    return rows.iterator()


def disagreeing() -> QuerySet[Payment]:
    """
    Return the payments whose amounts are not what their ledger says: there should be none.

    What a capture releases of what was held doesn't lower what had been authorized.
    """
    payments = Payment.objects.annotate(
        ledger_authorized=_balance(Account.HELD, ~Q(ledger__operation__kind=Kind.CAPTURE)),
        ledger_captured=-_balance(Account.REVENUE),
        ledger_refunded=_balance(Account.REFUNDS),
    )
    return payments.exclude(
        authorized=F("ledger_authorized"),
        captured=F("ledger_captured"),
        refunded=F("ledger_refunded"),
    )


def _balance(account: Account, counted: Q | None = None) -> Coalesce:
    debited = When(ledger__debit=account, then=F("ledger__amount"))
    credited = When(ledger__credit=account, then=-F("ledger__amount"))
    return Coalesce(Sum(Case(debited, credited, default=0), filter=counted), 0)
