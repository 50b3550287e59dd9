"""What time triggers in REST."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from kernel.bus.jobs import every
from kernel.rest.counting import forget_counts
from kernel.rest.idempotency import forget_answers
from kernel.transactions import transaction

# A client that has had no answer asks again within minutes; stored answers may be personal.
KEPT = dt.timedelta(days=1)
BATCH = 1_000


@every(minutes=60)
def forget_old_answers() -> None:
    """Clear, in small transactions, answers that no one asks for again."""
    before = timezone.now() - KEPT
    while _forget_some(before) == BATCH:
        pass


@every(minutes=10)
def forget_ended_windows() -> None:
    """Clear counts of windows that have ended; each deletion commits by itself."""
    while forget_counts(before=timezone.now(), limit=BATCH) == BATCH:
        pass


def _forget_some(before: dt.datetime) -> int:
    with transaction():
        return forget_answers(before=before, limit=BATCH)
