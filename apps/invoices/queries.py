"""Reads: invoices with what was credited of them, and where their documents are."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.db.models import F, Prefetch, Q, QuerySet

from apps.invoices.models import CreditNote, Document, Invoice, KnownUser
from kernel.refusals import Refusal


class DocumentNotStored(Refusal):
    """The PDF is being stored: ask again in a moment."""

    status = 503
    retry_after: ClassVar[int] = 2


def invoices(
    *,
    owner: uuid.UUID | None,
    order: uuid.UUID | None = None,
    email: str | None = None,
    number: str | None = None,
) -> QuerySet[Invoice, Any]:
    """Return an owner's invoices, or everyone's, that meet every condition given."""
    found = Invoice.objects.annotate(stored_at=F("document__stored_at")).prefetch_related(
        Prefetch("credit_notes", _credit_notes())
    )
    conditions = {"customer_id": owner, "order_id": order, "number": number}
    found = found.filter(**{name: value for name, value in conditions.items() if value is not None})
    if email is not None:
        holders = KnownUser.objects.filter(email=email.lower())
        found = found.filter(customer_id__in=holders.values("id"))
    return found


def _credit_notes() -> QuerySet[CreditNote, Any]:
    return CreditNote.objects.annotate(stored_at=F("document__stored_at")).order_by("id")


def documents(*, owner: uuid.UUID | None) -> QuerySet[Document, Any]:
    """Return the documents of an owner, or everyone's, without their bytes."""
    found = Document.objects.defer("content").select_related("invoice", "credit_note")
    if owner is None:
        return found
    return found.filter(Q(invoice__customer_id=owner) | Q(credit_note__invoice__customer_id=owner))


def waiting_document(*, of: uuid.UUID) -> Document | None:
    """Return the document of an invoice or a credit note if it isn't stored yet."""
    waiting = Document.objects.filter(stored_at=None)
    return waiting.filter(Q(invoice=of) | Q(credit_note=of)).first()


def stored(document: Document) -> Document:
    """
    Return a document that the storage has.

    :raises DocumentNotStored: if it is still on its way.
    """
    if not document.stored_at:
        raise DocumentNotStored
    return document
