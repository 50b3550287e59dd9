"""Whom the documents are for: their addresses, and all that is held of them."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from apps.invoices import events
from apps.invoices.models import (
    Invoice,
    KnownUser,
    Mail,
)
from kernel.bus.outbox import publish_in_parts
from kernel.transactions import transaction_required

PART = 50  # invoices and mails in one event: it must fit into one message


@transaction_required
def note_user(*, user_id: uuid.UUID, version: int, email: str | None) -> None:
    """Remember a user's e-mail address; None if its key is gone."""
    KnownUser.learn(user_id=user_id, version=version, email=(email or "").lower(), is_erased=False)


@transaction_required
def forget_user(*, user_id: uuid.UUID, version: int) -> None:
    """Forget an erased user's address. Issued documents stay as the law wants them."""
    KnownUser.learn(user_id=user_id, version=version, email="", is_erased=True)


@transaction_required
def gather_personal_data(*, export_id: uuid.UUID, person_id: uuid.UUID, at: dt.datetime) -> None:
    """Say all invoices and mails of a person, in parts; one empty part if there are none."""
    invoices = Invoice.objects.filter(customer_id=person_id).order_by("id")
    mails = Mail.objects.filter(order__customer_id=person_id).select_related("order")
    rows = [_row(invoice) for invoice in invoices]
    rows += [_mail_row(mail) for mail in mails.order_by("id")]
    publish_in_parts(
        events.PersonalDataGathered,
        rows=rows,
        size=PART,
        occurred_at=at,
        export_id=export_id,
        person_id=person_id,
    )


def _row(invoice: Invoice) -> dict[str, Any]:
    return {
        "number": invoice.number,
        "order_number": invoice.order_number,
        "issued_at": invoice.issued_at.isoformat(),
        "buyer": invoice.buyer,
        "total": invoice.total,
        "currency": invoice.currency,
    }


def _mail_row(mail: Mail) -> dict[str, Any]:
    return {
        "mail": mail.kind,
        "order_number": mail.order.number,
        "state": mail.state,
        "sent_at": mail.sent_at and mail.sent_at.isoformat(),
    }
