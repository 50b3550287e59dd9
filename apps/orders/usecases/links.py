"""A guest has lost the link to an order."""

from __future__ import annotations

import datetime as dt

from apps.orders import events
from apps.orders.models import Order, is_number, write_number
from kernel.bus.outbox import publish
from kernel.ids import new_id
from kernel.transactions import transaction_required


@transaction_required
def ask_for_link(*, email: str, number: str, at: dt.datetime) -> None:
    """
    Ask that the guest who placed this order be sent its link.

    It does the same, and takes as long, whether or not there is such an order of this guest.
    """
    known = write_number(number) if is_number(number) else ""
    order = Order.objects.filter(number=known, email=email.lower()).first()  # a customer has none
    publish(
        events.OrderLinkRequested(
            occurred_at=at, request_id=new_id(), order_id=order.id if order else None
        )
    )
