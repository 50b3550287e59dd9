"""Payments, what was wished of their gateways, and how those are."""

from __future__ import annotations

from apps.payment.models.circuit import Circuit
from apps.payment.models.difference import (
    Difference,
    DifferenceNotOpen,
    Finding,
    Remedy,
    RemedyImpossible,
)
from apps.payment.models.kinds import Due, Kind
from apps.payment.models.ledger import Account, Amounts, LedgerEntry
from apps.payment.models.operation import Operation
from apps.payment.models.payment import PAYMENT, Payment, WrongPaymentState
from apps.payment.models.reconciliation import Reconciliation

__all__ = [
    "PAYMENT",
    "Account",
    "Amounts",
    "Circuit",
    "Difference",
    "DifferenceNotOpen",
    "Due",
    "Finding",
    "Kind",
    "LedgerEntry",
    "Operation",
    "Payment",
    "Reconciliation",
    "Remedy",
    "RemedyImpossible",
    "WrongPaymentState",
]
