"""What invoices tells the others. Amounts are in minor units of the order's currency."""

from __future__ import annotations

import uuid

from kernel.bus.event import Event


class InvoiceIssued(Event, name="invoices.invoice_issued.v1", subject="invoice_id"):
    """An invoice has its number; its PDF waits to be stored."""

    invoice_id: uuid.UUID
    order_id: uuid.UUID
    customer_id: uuid.UUID | None
    number: str
    total: int
    currency: str
    sha256: str


class CreditNoteIssued(Event, name="invoices.credit_note_issued.v1", subject="credit_note_id"):
    """A credit note has its number; its PDF waits to be stored."""

    credit_note_id: uuid.UUID
    invoice_id: uuid.UUID
    order_id: uuid.UUID
    refund_id: uuid.UUID
    customer_id: uuid.UUID | None
    number: str
    amount: int
    currency: str
    sha256: str
