"""What makes documents due, and their issue."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from apps.invoices import documents, events
from apps.invoices.models import (
    Billing,
    CreditNote,
    Document,
    Invoice,
    Issued,
    KnownUser,
    Refund,
    Seller,
    Series,
)
from kernel.bus.outbox import publish
from kernel.transactions import transaction_required

PRINTED_OF_BUYER = (
    "name",
    "company_name",
    "street_address",
    "post_code",
    "city",
    "state",
    "country",
)


@transaction_required
def note_fulfilment(
    *,
    order_id: uuid.UUID,
    order_number: str,
    customer_id: uuid.UUID | None,
    terms: Mapping[str, Any],
    address: Mapping[str, Any] | None,
    locale: str,
    at: dt.datetime,
    email: str | None = None,
    fulfilled_at: dt.datetime | None = None,
) -> None:
    """Remember what is to be invoiced; issue the invoice if the money is there."""
    billing = Billing.lock(order_id)
    billing.note_fulfilment(
        {
            "order_number": order_number,
            "customer_id": str(customer_id) if customer_id else None,
            "terms": dict(terms),
            "address": dict(address or {}),
            "locale": locale,
            "email": email,
            "delivered_on": _utc_day(fulfilled_at).isoformat() if fulfilled_at else None,
        }
    )
    _issue_what_is_due(billing, at)


@transaction_required
def note_capture(*, order_id: uuid.UUID, captured_at: dt.datetime, at: dt.datetime) -> None:
    """Remember that the money is there; issue the invoice if the goods have arrived."""
    billing = Billing.lock(order_id)
    billing.note_capture(captured_at)
    _issue_what_is_due(billing, at)


@transaction_required
def note_refund(
    *,
    order_id: uuid.UUID,
    refund_id: uuid.UUID,
    amount: int,
    currency: str,
    reason: str,
    refunded_at: dt.datetime,
    at: dt.datetime,
) -> None:
    """Issue the credit note, or remember the refund until there is an invoice to credit."""
    billing = Billing.lock(order_id)
    refund = Refund(
        id=refund_id,
        order_id=order_id,
        amount=amount,
        currency=currency,
        reason=reason[:500],
        refunded_at=refunded_at,
    )
    Refund.objects.bulk_create([refund], ignore_conflicts=True)
    _issue_what_is_due(billing, at)


@transaction_required
def record_stored(*, document_id: uuid.UUID, at: dt.datetime) -> None:
    """Note that the storage has a document; its bytes are kept there alone."""
    waiting = Document.objects.filter(id=document_id, stored_at=None)
    waiting.update(content=None, stored_at=at)


def _issue_what_is_due(billing: Billing, at: dt.datetime) -> None:
    if billing.is_due:
        _issue_invoice(billing, at)
        billing.close(at)
    if billing.issued_at:
        waiting = Refund.objects.filter(order_id=billing.order_id, credit_note=None)
        for refund in waiting.order_by("refunded_at", "id"):
            _issue_credit_note(refund, at)


def _issue_invoice(billing: Billing, at: dt.datetime) -> None:
    sold: dict[str, Any] = billing.fulfilment or {}
    seller = Seller.current()
    invoice = Invoice(
        order_id=billing.order_id,
        order_number=sold["order_number"],
        customer_id=sold["customer_id"] and uuid.UUID(sold["customer_id"]),
        paid_on=_utc_day(billing.captured_at or at),
        delivered_on=_day(sold.get("delivered_on")),
        issued_at=at,
        locale=sold["locale"],
        currency=sold["terms"]["currency"],
        seller=seller.printed(sold["locale"]),
        buyer=_buyer(sold),
        terms=sold["terms"],
        total=sold["terms"]["total"],
    )
    invoice.take_number(Series.take(seller.invoice_prefix, on=_utc_day(at)))
    content = documents.invoice_pdf(invoice, _picture(seller))
    _save(invoice, content)
    Document.objects.create(invoice=invoice, key=_key(invoice), content=content)
    publish(
        events.InvoiceIssued(
            occurred_at=at,
            invoice_id=invoice.id,
            order_id=invoice.order_id,
            customer_id=invoice.customer_id,
            number=invoice.number,
            total=invoice.total,
            currency=invoice.currency,
            sha256=invoice.sha256,
        )
    )


def _issue_credit_note(refund: Refund, at: dt.datetime) -> None:
    invoice, seller = Invoice.objects.get(order_id=refund.order_id), Seller.current()
    earlier = CreditNote.objects.filter(invoice=invoice)
    note = CreditNote(
        invoice=invoice,
        refund=refund,
        amount=refund.amount,
        tax_lines=invoice.credit(refund.amount, refund.currency, earlier=earlier),
        reason=refund.reason,
        issued_at=at,
        locale=invoice.locale,
        currency=refund.currency,
        seller=seller.printed(invoice.locale),
        buyer=invoice.buyer,
    )
    note.take_number(Series.take(seller.credit_note_prefix, on=_utc_day(at)))
    content = documents.credit_note_pdf(note, _picture(seller))
    _save(note, content)
    Document.objects.create(credit_note=note, key=_key(note), content=content)
    publish(
        events.CreditNoteIssued(
            occurred_at=at,
            credit_note_id=note.id,
            invoice_id=invoice.id,
            order_id=invoice.order_id,
            refund_id=refund.id,
            customer_id=invoice.customer_id,
            number=note.number,
            amount=note.amount,
            currency=note.currency,
            sha256=note.sha256,
        )
    )


def _save(issued: Issued, content: bytes) -> None:
    issued.sha256 = hashlib.sha256(content).hexdigest()
    issued.save(force_insert=True)


def _key(issued: Issued) -> str:
    return f"{issued.issued_on.year}/{issued.number}-{issued.sha256}.pdf"


def _picture(seller: Seller) -> documents.Picture | None:
    logo = seller.logo
    return documents.Picture(bytes(logo.content), logo.is_svg) if logo else None


def _utc_day(at: dt.datetime) -> dt.date:
    return at.astimezone(dt.UTC).date()


def _day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def _buyer(sold: Mapping[str, Any]) -> dict[str, str]:
    """Return whom the invoice names: a guest by the address that the order was given."""
    user = KnownUser.objects.filter(id=sold["customer_id"]).first()
    email = user.email if user else sold.get("email")
    printed = {name: sold["address"].get(name, "") for name in PRINTED_OF_BUYER}
    return {**printed, "email": email or ""}
