"""What time triggers in the audit."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from apps.audit import gateway, queries, usecases
from apps.audit.models import RETENTION_YEARS
from kernel.bus.jobs import every
from kernel.transactions import transaction

# As long as anything that an anchor vouches for.
ANCHOR_LIFETIME = dt.timedelta(days=366 * (max(RETENTION_YEARS.values()) + 1))


@every(minutes=60)
def anchor_heads() -> None:
    """Anchor the heads of all chains, once a day."""
    at, store = timezone.now(), gateway.anchors()
    newest = store.newest()
    if newest is None or newest[0] < at.date():
        content = queries.anchor(previous=newest, at=at)
        store.store(day=at.date(), content=content, kept_until=at + ANCHOR_LIFETIME)


@every(minutes=24 * 60)
def drop_expired() -> None:
    """Drop the records of each month whose time is over."""
    for name in queries.expired(on=timezone.now().date()):
        with transaction():
            usecases.drop_chain(name=name)
