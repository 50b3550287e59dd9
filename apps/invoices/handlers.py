"""What invoices does when the others speak, and when it has issued something itself."""

from __future__ import annotations

from django.utils import timezone

from apps.invoices import gateway, queries, usecases
from apps.invoices.events import CreditNoteIssued, InvoiceIssued
from apps.orders.events import OrderFulfilled
from apps.payment.events import PaymentCaptured, PaymentRefunded
from apps.users.events import ExportRequested, UserErased, UserRegistered, UserUpdated
from kernel.bus.inbox import Answered
from kernel.bus.subscriptions import handles


@handles(OrderFulfilled)
def note_fulfilment(event: OrderFulfilled) -> None:
    usecases.note_fulfilment(
        order_id=event.order_id,
        order_number=event.number,
        customer_id=event.customer_id,
        terms=event.terms.model_dump(mode="json"),
        address=event.address.model_dump() if event.address else None,
        locale=event.locale,
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
