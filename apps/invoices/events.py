"""What invoices tells the others. Amounts are in minor units of the order's currency."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

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


class FileUploaded(Event, name="invoices.file_uploaded.v1", subject="import_id"):
    """The file that an import waits for was uploaded; it waits to be read."""

    import_id: uuid.UUID
    key: str
    sequencer: str
    size_bytes: int


class UploadRefused(Event, name="invoices.upload_refused.v1", subject="notice_id"):
    """A file was uploaded that no import waits for, or not like this."""

    notice_id: uuid.UUID
    key: str
    sequencer: str
    reason: str


class ImportContinued(Event, name="invoices.import_continued.v1", subject="import_id"):
    """A part of an import's file was read; it waits to be read on from there."""

    import_id: uuid.UUID
    bytes_read: int
    lines_read: int


class InvoiceImported(Event, name="invoices.invoice_imported.v1", subject="import_id"):
    """A file of invoices was read to its end; how many of its lines ended in which way."""

    import_id: uuid.UUID
    key: str
    size_bytes: int
    ok: int
    empty_products_list: int
    invalid: int
    duplicate: int


class InvoiceImportFailed(Event, name="invoices.invoice_import_failed.v1", subject="import_id"):
    """No file of invoices came, or one that can't be read to its end; what was read stays."""

    import_id: uuid.UUID
    key: str
    reason: str
    ok: int
    empty_products_list: int
    invalid: int
    duplicate: int


class PersonalDataGathered(
    Event, name="invoices.personal_data_gathered.v1", subject="export_id", person="person_id"
):
    """What invoices holds of a person, for the export that they asked for: one of so many parts."""

    export_id: uuid.UUID
    person_id: uuid.UUID
    part: int  # from 1 to `parts`
    parts: int
    rows: Annotated[tuple[dict[str, Any], ...] | None, Personal()]


MailKind = Literal["PLACED", "SHIPPED", "CANCELLED", "FAILED", "INVOICE", "CREDIT_NOTE", "LINK"]


class MailRequested(Event, name="invoices.mail_requested.v1", subject="mail_id"):
    """All that a mail about an order needs is known: send it."""

    mail_id: uuid.UUID
    order_id: uuid.UUID
    kind: MailKind


class MailSent(
    Event,
    name="invoices.mail_sent.v1",
    subject="mail_id",
    unheard="for the order's timeline and the audit",
):
    """The mail server took a mail about an order."""

    mail_id: uuid.UUID
    order_id: uuid.UUID
    kind: MailKind


class AddressNoted(Event, name="invoices.address_noted.v1", subject="address_id"):
    """There is no mailbox behind an address, or staff say that mails are to be sent there again."""

    address_id: uuid.UUID  # of `kernel.mail.address_id`: the address itself isn't told
    takes_mail: bool


class MailBounced(
    Event,
    name="invoices.mail_bounced.v1",
    subject="mail_id",
    unheard="for the order's timeline and the audit",
):
    """A mail about an order was refused at once, came back later, or was called spam."""

    mail_id: uuid.UUID
    order_id: uuid.UUID
    kind: MailKind
    outcome: Literal["REFUSED", "BOUNCED", "COMPLAINED"]
