"""How long what is recorded must stay."""

from __future__ import annotations

import datetime as dt

from django.db import models


class Retention(models.TextChoices):
    """How long what is recorded must stay: each class and month is a chain of its own."""

    ACCOUNTS = "accounts", "Accounts"
    CATALOGUE = "catalogue", "Catalogue and stock"
    MONEY = "money", "Money"
    ORDERS = "orders", "Orders"


RETENTION_YEARS = {
    Retention.ACCOUNTS: 2,
    Retention.CATALOGUE: 2,
    Retention.MONEY: 10,
    Retention.ORDERS: 10,
}
RETENTION_BY_MODULE = {
    "users": Retention.ACCOUNTS,
    "products": Retention.CATALOGUE,
    "warehouse": Retention.CATALOGUE,
    "orders": Retention.ORDERS,
    "delivery": Retention.ORDERS,
    "payment": Retention.MONEY,
    "invoices": Retention.MONEY,
    "admin": Retention.ORDERS,  # what staff did, in whichever module
}


def retention_of(name: str) -> Retention:
    """Return the class of an event type; what no row names is kept as long as an order."""
    return RETENTION_BY_MODULE.get(name.split(".", maxsplit=1)[0], Retention.ORDERS)


def kept_until(retention: str, month: dt.date) -> dt.date:
    """Return the day from which on what was recorded in this month may go."""
    years = RETENTION_YEARS[Retention(retention)] + month.month // 12
    return dt.date(month.year + years, month.month % 12 + 1, 1)
