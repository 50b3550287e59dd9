"""What payment tells the others. Amounts are in minor units of the order's currency."""

from __future__ import annotations

import datetime as dt
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


class PaymentWrittenOff(
    Event,
    name="payment.payment_written_off.v1",
    subject="order_id",
    unheard="for the order's timeline, the audit, and the figure of what was lost",
):
    """Staff gave up money for goods that have arrived: the gateway won't capture it."""

    order_id: uuid.UUID
    amount: int
    currency: str
    reason: str


class PaymentVoided(
    Event,
    name="payment.payment_voided.v1",
    subject="order_id",
    unheard="for the order's timeline and the audit",
):
    """What was held is free again: nothing is kept of an order that ended without goods."""

    order_id: uuid.UUID


class AuthorizationLapsing(
    Event,
    name="payment.authorization_lapsing.v1",
    subject="order_id",
    unheard="for staff, who send the goods or cancel the order, and for the audit",
):
    """What is held won't be held much longer, and the order is not fulfilled."""

    order_id: uuid.UUID
    amount: int
    currency: str
    held_until: dt.datetime


class PaymentLapsed(
    Event,
    name="payment.payment_lapsed.v1",
    subject="order_id",
    unheard="for staff, who cancel the order, and for the audit",
):
    """The order took too long: what was held for it is free again, and nothing pays for it."""

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
    """The gateway is to be asked for something: by staff, or because it is time."""

    order_id: uuid.UUID
    operation_id: uuid.UUID


class ReconciliationRequested(
    Event, name="payment.reconciliation_requested.v1", subject="reconciliation_id"
):
    """What a gateway did on a day is to be compared with what we know of it."""

    reconciliation_id: uuid.UUID
    gateway: str
    on: dt.date


class ReconciliationDiffered(
    Event,
    name="payment.reconciliation_differed.v1",
    subject="reconciliation_id",
    unheard="an alarm for staff, and for the audit",
):
    """A gateway's books of a day tell something else than ours; how often, by kind."""

    reconciliation_id: uuid.UUID
    gateway: str
    on: dt.date
    differences: dict[str, int]


class RemedyRequested(Event, name="payment.remedy_requested.v1", subject="difference_id"):
    """Staff asked for a difference to be mended by what only the gateway can do."""

    difference_id: uuid.UUID
    order_id: uuid.UUID | None


class DifferenceSettled(
    Event,
    name="payment.difference_settled.v1",
    subject="difference_id",
    unheard="for the audit",
):
    """A difference to a gateway's books was mended, or accepted for a reason."""

    difference_id: uuid.UUID
    order_id: uuid.UUID | None
    gateway: str
    kind: str
    remedy: str
    reason: str
