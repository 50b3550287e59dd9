"""Reads: invoices with what was credited of them, where their documents are, and imports."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any, ClassVar, TypeVar

from django.db.models import F, Prefetch, Q, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from apps.invoices.models import (
    CreditNote,
    Document,
    Import,
    ImportLine,
    Invoice,
    Issued,
    KnownUser,
    Mail,
    import_id_of,
)
from kernel.refusals import Refusal

IssuedT = TypeVar("IssuedT", bound=Issued)
_HOLDERS = 100  # of one address, over the years
_PART = 200


class DocumentNotStored(Refusal):
    """The PDF is being stored: ask again in a moment."""

    status = 503
    retry_after: ClassVar[int] = 2


def invoices(
    *,
    owner: uuid.UUID | None,
    guest_order: uuid.UUID | None,
    order: uuid.UUID | None = None,
    email: str | None = None,
    number: str | None = None,
    since: dt.date | None = None,
    until: dt.date | None = None,
) -> QuerySet[Invoice, Any]:
    """
    Return an owner's invoices, or everyone's, that meet every condition given.

    `guest_order` is the one order of a guest; a customer's is none, whatever its id. An address
    finds what its holder bought, and what bears it. `until` is the last day.
    """
    found = Invoice.objects.annotate(stored_at=F("document__stored_at")).prefetch_related(
        Prefetch("credit_notes", _credit_notes())
    )
    conditions = {
        "customer_id": owner,
        "order_id": order,
        "number": number,
        "issued_on__gte": since,
        "issued_on__lte": until,
    }
    found = found.filter(**{name: value for name, value in conditions.items() if value is not None})
    if guest_order is not None:
        found = found.filter(order_id=guest_order, customer_id=None)
    return found if email is None else found.filter(_of(email.lower()))


def _of(email: str) -> Q:
    # Asked for beforehand, since of "in these or such a one" each half has an index of its own.
    holders = KnownUser.objects.filter(email=email).values_list("id", flat=True)
    bears_it: Any = Exact(Lower(KT("buyer__email")), email)
    return Q(customer_id__in=list(holders[:_HOLDERS])) | Q(bears_it)


def _credit_notes() -> QuerySet[CreditNote, Any]:
    return CreditNote.objects.annotate(stored_at=F("document__stored_at")).order_by("id")


def documents(*, owner: uuid.UUID | None, guest_order: uuid.UUID | None) -> QuerySet[Document, Any]:
    """Return the documents of an owner, of a guest's order, or everyone's, without their bytes."""
    found = Document.objects.defer("content").select_related("invoice", "credit_note")
    if owner is None and guest_order is None:
        return found
    of_guest = Q(order_id=guest_order, customer_id=None)
    seen = Invoice.objects.filter(Q(customer_id=owner) if owner else of_guest)
    return found.filter(Q(invoice__in=seen) | Q(credit_note__invoice__in=seen))


def issued(rows: QuerySet[IssuedT, Any], *, since: dt.date, before: dt.date) -> Iterator[IssuedT]:
    """Yield those issued in a time by day and number, with their files, a few hundred at a time."""
    rows = rows.filter(issued_on__gte=since, issued_on__lt=before)
    rows = rows.select_related("document").defer("document__content")
    rows = rows.order_by("issued_on", "series_id", "position")
    part = list(rows[:_PART])
    while part:
        yield from part
        last = part[-1]
        later = Q(issued_on__gt=last.issued_on) | Q(series_id__gt=last.series_id)
        later |= Q(series_id=last.series_id, position__gt=last.position)
        part = list(rows.filter(later, issued_on__gte=last.issued_on)[:_PART])


def waiting_document(*, of: uuid.UUID) -> Document | None:
    """Return the document of an invoice or a credit note if it isn't stored yet."""
    waiting = Document.objects.filter(stored_at=None)
    return waiting.filter(Q(invoice=of) | Q(credit_note=of)).first()


def document_of(*, mail_id: uuid.UUID) -> Document | None:
    """Return the document that goes with a mail, if one does."""
    of = Mail.objects.filter(id=mail_id).values("about")
    found = Document.objects.select_related("invoice", "credit_note")
    return found.filter(Q(invoice__in=of) | Q(credit_note__in=of)).first()


def stored(document: Document) -> Document:
    """
    Return a document that the storage has.

    :raises DocumentNotStored: if it is still on its way.
    """
    if not document.stored_at:
        raise DocumentNotStored
    return document


_LINE = ("number", "outcome", "invoice_number", "reason")


def imports(*, state: str | None = None) -> QuerySet[Import, Any]:
    """Return imports, in one state if it is named."""
    return Import.objects.filter(state=state) if state else Import.objects.all()


def import_lines(*, import_id: uuid.UUID, outcome: str | None = None) -> QuerySet[ImportLine, Any]:
    """Return what became of a file's lines; those that ended in one way, if it is named."""
    found = ImportLine.objects.filter(source=import_id)
    lines: QuerySet[ImportLine, Any] = found.values(*_LINE)
    return lines.filter(outcome=outcome) if outcome else lines


def running_import(import_id: uuid.UUID) -> Import | None:
    """Return an import whose file is being read."""
    return Import.objects.filter(id=import_id, state=Import.State.FILE_RECEIVED).first()


def is_upload_wanted(key: str) -> bool:
    """Say whether a file is waited for or being read."""
    wanted = Import.objects.filter(state__in=[Import.State.GENERATED, Import.State.FILE_RECEIVED])
    import_id = import_id_of(key)
    return import_id is not None and wanted.filter(id=import_id).exists()
