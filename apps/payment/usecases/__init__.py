"""All that payment can be asked to do."""

from __future__ import annotations

from apps.payment.usecases.orders import note_ended, note_fulfilled, note_modified, note_placed
from apps.payment.usecases.staff import (
    OperationInProgress,
    PaymentNotFound,
    RefundTooLarge,
    request_refund,
    retry_capture,
    write_off,
)
from apps.payment.usecases.wishes import (
    ask_again,
    note_webhook,
    resume_operation,
    take_answer,
)

__all__ = [
    "OperationInProgress",
    "PaymentNotFound",
    "RefundTooLarge",
    "ask_again",
    "note_ended",
    "note_fulfilled",
    "note_modified",
    "note_placed",
    "note_webhook",
    "request_refund",
    "resume_operation",
    "retry_capture",
    "take_answer",
    "write_off",
]
