"""From when on each handler hears: noted once, when `migrate` first sees its name."""

from __future__ import annotations

import datetime as dt

from django.db import connection

from kernel.bus.subscriptions import all_handlers
from kernel.transactions import transaction_required


@transaction_required
def subscribe_new(*, at: dt.datetime) -> list[str]:
    """
    Let handlers of the code that have no subscription hear from now on; return their names.

    What was recorded before is history to them: only `bus replay` lets them hear it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO bus_subscription (handler, since, checked_to)
            SELECT handler, %s, (SELECT coalesce(max(sequence), 0) FROM bus_outbox)
            FROM unnest(%s::text[]) AS handler
            ON CONFLICT (handler) DO NOTHING RETURNING handler
            """,
            [at, [handler.name for handler in all_handlers()]],
        )
        return sorted(name for (name,) in cursor.fetchall())
