"""What invoices does when the others speak, and when it has issued something itself."""

from __future__ import annotations

import time
import uuid
from contextlib import closing

from django.utils import timezone

from apps.invoices import gateway, queries, usecases
from apps.invoices.events import (
    CreditNoteIssued,
    FileUploaded,
    ImportContinued,
    InvoiceImported,
    InvoiceImportFailed,
    InvoiceIssued,
    MailRequested,
    UploadRefused,
)
from apps.invoices.models import Import, Mail
from apps.orders.events import (
    OrderCancelled,
    OrderFailed,
    OrderFulfilled,
    OrderLinkRequested,
    OrderPlaced,
    OrderShipped,
)
from apps.payment.events import PaymentCaptured, PaymentRefunded
from apps.users.events import ExportRequested, UserErased, UserRegistered, UserUpdated
from kernel import limits
from kernel.bus.foreign import StoredFile, foreign
from kernel.bus.inbox import Answered
from kernel.bus.subscriptions import handles
from kernel.mail import sending
from kernel.transactions import transaction


@handles(OrderFulfilled)
def note_fulfilment(event: OrderFulfilled) -> None:
    usecases.note_fulfilment(
        order_id=event.order_id,
        order_number=event.number,
        customer_id=event.customer_id,
        terms=event.terms.model_dump(mode="json"),
        address=event.address.model_dump() if event.address else None,
        locale=event.locale,
        email=event.email,
        fulfilled_at=event.occurred_at,
        at=timezone.now(),
    )


@handles(PaymentCaptured)
def note_capture(event: PaymentCaptured) -> None:
    usecases.note_capture(order_id=event.order_id, captured_at=event.occurred_at, at=timezone.now())


@handles(PaymentRefunded)
def note_refund(event: PaymentRefunded) -> None:
    usecases.note_refund(
        order_id=event.order_id,
        refund_id=event.refund_id,
        amount=event.amount,
        currency=event.currency,
        reason=event.reason,
        refunded_at=event.occurred_at,
        at=timezone.now(),
    )


@handles(InvoiceIssued, CreditNoteIssued, outside=True)
def store_document(event: InvoiceIssued | CreditNoteIssued, answered: Answered) -> None:
    # The wish was committed with the number. Its key holds the hash: storing twice is harmless.
    document = queries.waiting_document(of=event.subject)
    if document:
        gateway.documents().store(key=document.key, content=bytes(document.content or b""))
    with answered():
        if document:
            usecases.record_stored(document_id=document.id, at=timezone.now())


@handles(UserRegistered, UserUpdated, replica="KnownUser")
def note_user(event: UserRegistered | UserUpdated) -> None:
    usecases.note_user(user_id=event.user_id, version=event.version, email=event.email)


@handles(UserErased, replica="KnownUser")
def forget_user(event: UserErased) -> None:
    usecases.forget_user(user_id=event.user_id, version=event.version)


@handles(ExportRequested)
def gather_personal_data(event: ExportRequested) -> None:
    usecases.gather_personal_data(
        export_id=event.export_id, person_id=event.user_id, at=timezone.now()
    )


@handles(OrderPlaced)
def note_order(event: OrderPlaced) -> None:
    usecases.note_order(
        order_id=event.order_id,
        number=event.number,
        customer_id=event.customer_id,
        email=event.email,
        locale=event.locale,
        terms=event.terms.model_dump(mode="json"),
        address=event.address.model_dump() if event.address else None,
        placed_at=event.occurred_at,
        at=timezone.now(),
    )


@handles(OrderShipped)
def tell_shipped(event: OrderShipped) -> None:
    _wish(Mail.Kind.SHIPPED, event.order_id, tracking_number=event.tracking_number)


@handles(OrderCancelled)
def tell_cancelled(event: OrderCancelled) -> None:
    _wish(Mail.Kind.CANCELLED, event.order_id, reason=event.reason)


@handles(OrderFailed)
def tell_failed(event: OrderFailed) -> None:
    _wish(Mail.Kind.FAILED, event.order_id, reason=event.reason)


@handles(InvoiceIssued)
def tell_invoice(event: InvoiceIssued) -> None:
    _wish(Mail.Kind.INVOICE, event.order_id, event.invoice_id)


@handles(CreditNoteIssued)
def tell_refund(event: CreditNoteIssued) -> None:
    _wish(Mail.Kind.CREDIT_NOTE, event.order_id, event.credit_note_id)


@handles(OrderLinkRequested)
def send_link(event: OrderLinkRequested) -> None:
    if event.order_id:
        usecases.wish_link(order_id=event.order_id, request_id=event.request_id, at=timezone.now())


def _wish(
    kind: Mail.Kind, order_id: uuid.UUID, about: uuid.UUID | None = None, **facts: str
) -> None:
    usecases.wish_mail(
        kind=kind, order_id=order_id, about=about or order_id, facts=facts, at=timezone.now()
    )


@handles(MailRequested, outside=True)
def send_mail(event: MailRequested, answered: Answered) -> None:
    # A process that ends between the call and the answer sends it twice, under the same id.
    with sending(event.mail_id):
        with transaction():
            mail = usecases.write_mail(mail_id=event.mail_id, at=timezone.now())
        note = None
        if mail:
            is_taken = gateway.send(mail, queries.document_of(mail_id=event.mail_id))
            note = usecases.note_mail_sent if is_taken else usecases.note_mail_refused
        with answered():
            if note:
                note(mail_id=event.mail_id, at=timezone.now())


@handles(UserErased)
def forget_reader(event: UserErased) -> None:
    usecases.forget_reader(customer_id=event.user_id, at=timezone.now())


@foreign("uploads")
def note_upload(file: StoredFile) -> None:
    usecases.note_upload(
        key=file.key,
        sequencer=file.sequencer,
        size_bytes=file.size,
        etag=file.etag,
        stored_at=file.stored_at,
        at=timezone.now(),
    )


@handles(FileUploaded, ImportContinued, outside=True)
def import_lines(event: FileUploaded | ImportContinued, answered: Answered) -> None:
    running = queries.running_import(event.import_id)
    if running is None:  # given up meanwhile
        with answered():
            return
    try:
        _read_on(running, answered)
    except gateway.UnfitFile as refusal:
        with answered():
            usecases.fail_import(import_id=running.id, reason=refusal.code(), at=timezone.now())


def _read_on(running: Import, answered: Answered) -> None:
    """Read from where the last one stopped, whoever that was, for as long as a step may take."""
    ends_at = time.monotonic() + limits.STEP_SECONDS
    start, size = running.position, running.size_bytes
    chunks = gateway.uploads().read(key=running.key, etag=running.etag, offset=start.offset)
    with closing(chunks):
        for batch in gateway.batches(chunks, start=start, size=size):
            keep = usecases.record_lines
            if batch.end.offset == size:
                keep = usecases.finish_import
            elif time.monotonic() >= ends_at:
                keep = usecases.pause_import
            is_more = keep is usecases.record_lines
            with transaction() if is_more else answered():
                keep(import_id=running.id, batch=batch, at=timezone.now())
            if not is_more:
                return


@handles(InvoiceImported, InvoiceImportFailed, UploadRefused, outside=True)
def forget_upload(
    event: InvoiceImported | InvoiceImportFailed | UploadRefused, answered: Answered
) -> None:
    # What was refused may lie in the place of what is wanted.
    if not queries.is_upload_wanted(event.key):
        gateway.uploads().forget(event.key)
    with answered():
        pass
