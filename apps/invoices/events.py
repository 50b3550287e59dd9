"""What invoices tells the others. Amounts are in minor units of the order's currency."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from kernel.bus.event import Event, Personal


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


class PersonalDataGathered(
    Event, name="invoices.personal_data_gathered.v1", subject="export_id", person="person_id"
):
    """What invoices holds of a person, for the export that they asked for: one of so many parts."""

    export_id: uuid.UUID
    person_id: uuid.UUID
    part: int  # from 1 to `parts`
    parts: int
    rows: Annotated[tuple[dict[str, Any], ...] | None, Personal()]
