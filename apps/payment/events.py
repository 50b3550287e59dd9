"""What payment tells the others. Amounts are in minor units of the order's currency."""

from __future__ import annotations

import uuid

from kernel.bus.event import Event


class PaymentAuthorized(Event, name="payment.payment_authorized.v1", subject="order_id"):
    """The gateway holds the order's total."""

    order_id: uuid.UUID
    amount: int
    currency: str
    gateway: str


class PaymentDeclined(Event, name="payment.payment_declined.v1", subject="order_id"):
    """The gateway, or we, refused to hold the money; nothing is held."""

    order_id: uuid.UUID
    reason: str


class PaymentAmended(
    Event,
    name="payment.payment_amended.v1",
    subject="order_id",
    unheard="for the order's timeline and the audit",
):
    """The amount held was lowered."""

    order_id: uuid.UUID
    amount: int
    currency: str


class PaymentCaptured(Event, name="payment.payment_captured.v1", subject="order_id"):
    """The money is ours."""

    order_id: uuid.UUID
    amount: int
    currency: str


class PaymentCaptureFailed(
    Event,
    name="payment.payment_capture_failed.v1",
    subject="order_id",
    unheard="for staff, who retry or write off, and for the audit",
):
    """The gateway refused to capture what it holds."""

    order_id: uuid.UUID
    reason: str


class PaymentVoided(
    Event,
    name="payment.payment_voided.v1",
    subject="order_id",
    unheard="for the order's timeline and the audit",
):
    """What was held is free again: nothing is kept of an order that ended without goods."""

    order_id: uuid.UUID


class PaymentRefunded(Event, name="payment.payment_refunded.v1", subject="order_id"):
    """Money went back to the customer."""

    order_id: uuid.UUID
    refund_id: uuid.UUID
    amount: int
    refunded_total: int
    currency: str
    reason: str


class OperationRequested(Event, name="payment.operation_requested.v1", subject="order_id"):
    """Staff asked for something that only the gateway can do: a refund, or to capture again."""

    order_id: uuid.UUID
    operation_id: uuid.UUID
