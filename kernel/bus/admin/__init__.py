"""The operator's pages: what is stuck, since when, and the buttons that mend it."""

from __future__ import annotations

from kernel.bus.admin.deliveries import DeliveryAdmin
from kernel.bus.admin.log import (
    FigureTotalAdmin,
    InboxMarkAdmin,
    OutboxEventAdmin,
    PersonKeyAdmin,
    SubscriptionAdmin,
    ToldAdmin,
)

__all__ = (
    "DeliveryAdmin",
    "FigureTotalAdmin",
    "InboxMarkAdmin",
    "OutboxEventAdmin",
    "PersonKeyAdmin",
    "SubscriptionAdmin",
    "ToldAdmin",
)
