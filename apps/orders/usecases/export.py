"""What orders tells a customer of what it holds of them."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from apps.orders import events
from apps.orders.models import Order
from kernel.bus.outbox import publish
from kernel.transactions import transaction_required

PART = 5  # orders in one event: a hundred lines each still fit into one message


@transaction_required
def gather_personal_data(*, export_id: uuid.UUID, customer_id: uuid.UUID, at: dt.datetime) -> None:
    """Say all orders of a customer, in parts; one empty part if there are none."""
    orders = Order.objects.filter(customer_id=customer_id).order_by("id").prefetch_related("lines")
    rows = [_row(order) for order in orders]
    parts = [tuple(rows[first : first + PART]) for first in range(0, len(rows) or 1, PART)]
    publish(
        *(
            events.PersonalDataGathered(
                occurred_at=at,
                export_id=export_id,
                person_id=customer_id,
                part=number,
                parts=len(parts),
                rows=part,
            )
            for number, part in enumerate(parts, start=1)
        )
    )


def _row(order: Order) -> dict[str, Any]:
    return {
        "id": str(order.id),
        "number": order.number,
        "state": order.state,
        "placed_at": order.placed_at.isoformat(),
        "address": order.address,
        "locale": order.locale,
        "total": order.total,
        "currency": order.currency,
        "lines": [
            {"code": line.code, "name": line.name, "quantity": line.quantity}
            for line in order.lines.all()
        ],
    }
