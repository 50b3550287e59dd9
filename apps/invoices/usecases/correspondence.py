"""What mails need to know of an order, and how long that is kept."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from apps.invoices.models import Correspondence, Mail
from apps.invoices.usecases.mails import request_mail, wish_mail
from kernel.transactions import transaction_required

# Money may be refunded long after an order has arrived, and a mail tells so.
KEPT = dt.timedelta(days=400)


@transaction_required
def note_order(
    *,
    order_id: uuid.UUID,
    number: str,
    customer_id: uuid.UUID | None,
    email: str | None,
    locale: str,
    terms: Mapping[str, Any],
    address: Mapping[str, Any] | None,
    placed_at: dt.datetime,
    at: dt.datetime,
) -> None:
    """Remember an order, thank for it, and let go what waited for it."""
    order = Correspondence.lock(order_id)
    if order.placed_at:
        return
    order.note(
        {
            "number": number,
            "customer_id": customer_id,
            "email": email or "",
            "locale": locale,
            "terms": dict(terms),
            "address": dict(address) if address else None,
            "placed_at": placed_at,
        }
    )
    wish_mail(kind=Mail.Kind.PLACED, order_id=order_id, about=order_id, facts={}, at=at)
    for mail in order.mails.filter(state=Mail.State.WAITING).order_by("id"):
        request_mail(mail=mail, at=at)


@transaction_required
def forget_reader(*, customer_id: uuid.UUID, at: dt.datetime) -> None:
    """Forget where an erased person's orders went, and write to them no more."""
    orders = Correspondence.objects.filter(customer_id=customer_id)
    orders.exclude(address=None).update(address=None)
    open_states = [Mail.State.WAITING, Mail.State.READY]
    waiting = Mail.objects.filter(order__customer_id=customer_id, state__in=open_states)
    for mail in waiting.select_for_update(of=("self",)).order_by("id"):
        mail.follow("dropped")


@transaction_required
def forget_old_mails(*, at: dt.datetime, limit: int) -> int:
    """Forget orders that were placed long ago, with their mails; return how many."""
    old = Correspondence.objects.filter(placed_at__lt=at - KEPT).order_by("placed_at")
    ids = list(old.values_list("order_id", flat=True)[:limit])
    Correspondence.objects.filter(order_id__in=ids).delete()
    return len(ids)
