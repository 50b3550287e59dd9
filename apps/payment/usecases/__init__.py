"""All that payment can be asked to do."""

from __future__ import annotations

from apps.payment.usecases.circuits import note_silence, note_that_it_answers
from apps.payment.usecases.lapsing import settle_lapsing, warn_of_lapsing
from apps.payment.usecases.orders import (
    note_ended,
    note_fulfilled,
    note_modified,
    note_placed,
    note_shipped,
)
from apps.payment.usecases.reconciliation import (
    DayNotBegun,
    GatewayWithoutBooks,
    LookUp,
    ReadBooks,
    begin_reconciliation,
    continue_reconciliation,
    next_step,
    note_books,
    note_lookups,
    request_due_reconciliations,
    request_reconciliation,
)
from apps.payment.usecases.remedies import (
    DifferenceNotFound,
    NoReason,
    NotTakenOver,
    accept_difference,
    ask_gateway_again,
    begin_remedy,
    finish_remedy,
    take_over,
    undo_at_gateway,
)
from apps.payment.usecases.staff import (
    NothingRefused,
    OperationInProgress,
    PaymentNotFound,
    RefundTooLarge,
    request_refund,
    retry_capture,
    retry_refused,
    write_off,
)
from apps.payment.usecases.wishes import (
    ask_again,
    note_webhook,
    resume_operation,
    take_answer,
)

__all__ = [
    "DayNotBegun",
    "DifferenceNotFound",
    "GatewayWithoutBooks",
    "LookUp",
    "NoReason",
    "NotTakenOver",
    "NothingRefused",
    "OperationInProgress",
    "PaymentNotFound",
    "ReadBooks",
    "RefundTooLarge",
    "accept_difference",
    "ask_again",
    "ask_gateway_again",
    "begin_reconciliation",
    "begin_remedy",
    "continue_reconciliation",
    "finish_remedy",
    "next_step",
    "note_books",
    "note_ended",
    "note_fulfilled",
    "note_lookups",
    "note_modified",
    "note_placed",
    "note_shipped",
    "note_silence",
    "note_that_it_answers",
    "note_webhook",
    "request_due_reconciliations",
    "request_reconciliation",
    "request_refund",
    "resume_operation",
    "retry_capture",
    "retry_refused",
    "settle_lapsing",
    "take_answer",
    "take_over",
    "undo_at_gateway",
    "warn_of_lapsing",
    "write_off",
]
