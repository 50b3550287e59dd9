"""What orders forgets of a customer who was erased."""

from __future__ import annotations

import datetime as dt
import uuid

from apps.orders.models import Cart, ErasedPerson, Order
from kernel.transactions import transaction_required


@transaction_required
def forget_customer(*, customer_id: uuid.UUID, at: dt.datetime) -> None:
    """
    Forget the customer's carts, and where their orders went; one under way keeps it until it ends.

    Each order is locked after the erasure was noted: one that ends meanwhile either is seen here
    as ended, or sees the note. Its version stays, since nothing that was agreed has changed.
    """
    ErasedPerson.remember(customer_id, at=at)
    Cart.objects.filter(holder_id=customer_id).delete()
    orders = Order.objects.filter(customer_id=customer_id, address__isnull=False)
    for order in orders.select_for_update().order_by("id"):
        if order.has_ended:
            order.forget_person()
            order.save(update_fields=["address", "email"])
