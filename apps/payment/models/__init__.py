"""Payments, and what was wished of their gateways."""

from __future__ import annotations

from apps.payment.models.operation import Operation
from apps.payment.models.payment import PAYMENT, Due, Kind, Payment, WrongPaymentState

__all__ = ["PAYMENT", "Due", "Kind", "Operation", "Payment", "WrongPaymentState"]
