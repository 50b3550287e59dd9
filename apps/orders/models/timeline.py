"""The record of what happened to an order, as its customer may see it."""

from __future__ import annotations

from django.db import models

from apps.orders.models.order import Order


class What(models.TextChoices):
    """What happened."""

    PLACED = "placed", "Placed"
    CONFIRMED = "confirmed", "Confirmed"
    LINES_CHANGED = "lines_changed", "Something could not be packed"
    PACKAGED = "packaged", "Packaged"
    SHIPPED = "shipped", "Shipped"
    FULFILLED = "fulfilled", "Fulfilled"
    PAID = "paid", "Paid"
    ADDRESS_CHANGED = "address_changed", "Address changed"
    ADDRESS_CHANGE_REFUSED = "address_change_refused", "Address change came too late"
    CANCELLATION_REQUESTED = "cancellation_requested", "Cancellation asked for"
    CANCELLATION_REFUSED = "cancellation_refused", "Cancellation came too late"
    CANCELLED = "cancelled", "Cancelled"
    PACKAGING_FAILED = "packaging_failed", "Packaging failed"
    DELIVERY_FAILED = "delivery_failed", "Delivery failed"


# With one of these an order's story ends: a fulfilled order is paid, sooner or later.
LAST = frozenset({What.PAID, What.CANCELLED, What.PACKAGING_FAILED, What.DELIVERY_FAILED})


class TimelineEntry(models.Model):
    """
    One thing that happened to an order; never changed, never removed.

    Whoever writes one holds the order's lock until the commit: so an order's entries become
    visible in the order of their ids, and a stream can go on after the last one that it told.
    """

    order = models.ForeignKey(
        Order, on_delete=models.CASCADE, related_name="timeline", db_index=False
    )
    at = models.DateTimeField()
    what = models.CharField(max_length=30, choices=What)
    state = models.CharField(max_length=20, choices=Order.State, help_text="The state after it.")
    reason = models.CharField(max_length=20, blank=True, help_text="Why it was cancelled.")

    class Meta:
        verbose_name_plural = "timeline entries"
        indexes = (models.Index(fields=["order", "id"], name="orders_timeline_order"),)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(state__in=Order.State.values), name="orders_timeline_state"
            ),
        )

    def __str__(self) -> str:
        return self.what
