"""The operator's pages: what is stuck, since when, and the buttons that mend it."""

from __future__ import annotations

from kernel.bus.admin.deliveries import DeliveryAdmin
from kernel.bus.admin.log import (
    InboxMarkAdmin,
    OutboxEventAdmin,
    PersonKeyAdmin,
    SubscriptionAdmin,
)

__all__ = (
    "DeliveryAdmin",
    "InboxMarkAdmin",
    "OutboxEventAdmin",
    "PersonKeyAdmin",
    "SubscriptionAdmin",
)
