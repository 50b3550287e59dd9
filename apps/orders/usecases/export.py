"""What orders tells a customer of what it holds of them."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from apps.orders import events
from apps.orders.models import Cart, Order
from kernel.bus.outbox import publish_in_parts
from kernel.transactions import transaction_required

PART = 5  # orders in one event: a hundred lines each still fit into one message


@transaction_required
def gather_personal_data(*, export_id: uuid.UUID, customer_id: uuid.UUID, at: dt.datetime) -> None:
    """Say a customer's orders and open cart, in parts; one empty part if there are none."""
    orders = Order.objects.filter(customer_id=customer_id).order_by("id").prefetch_related("lines")
    carts = Cart.objects.filter(holder_id=customer_id, state=Cart.State.OPEN)
    rows = [_row(_with_its_lines(order)) for order in orders]
    rows += [_cart(cart) for cart in carts if cart.all_lines]
    publish_in_parts(
        events.PersonalDataGathered,
        rows=rows,
        size=PART,
        occurred_at=at,
        export_id=export_id,
        person_id=customer_id,
    )


def _with_its_lines(order: Order) -> Order:
    order.all_lines = sorted(order.lines.all(), key=lambda line: line.pk)  # prefetched
    return order


def _row(order: Order) -> dict[str, Any]:
    return {
        "id": str(order.id),
        "number": order.number,
        "state": order.state,
        "placed_at": order.placed_at.isoformat(),
        "address": order.address,
        "locale": order.locale,
        "coupon": order.coupon_code or None,
        "discounts": [given.model_dump() for given in order.terms.discounts],
        "tax_lines": [tax.model_dump() for tax in order.terms.tax_lines],
        "prices_include_tax": order.prices_include_tax,
        "delivery_price": order.delivery_price,
        "total": order.total,
        "currency": order.currency,
        "lines": [
            {
                "code": line.code,
                "name": line.name,
                "quantity": line.quantity,
                "unit_price": line.unit_price,
                "discount": line.discount,
                "tax": line.tax,
            }
            for line in order.all_lines
        ],
    }


def _cart(cart: Cart) -> dict[str, Any]:
    return {
        "id": str(cart.id),
        "state": "CART",
        "changed_at": cart.updated_at.isoformat(),
        "coupon": cart.coupon_code,
        "lines": [
            {"code": line.code, "name": line.name, "quantity": line.quantity}
            for line in cart.all_lines
        ],
    }
