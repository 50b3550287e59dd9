"""What the admin's first page says of the bus."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from kernel.bus import health
from kernel.bus.admin import wording
from kernel.bus.admin.acts import LOOK

# What is unsent for so long is more than a burst.
LATE_SECONDS = 60


def with_health(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add how the bus is, for those who may look at it."""
    if request.user.has_perm(LOOK):
        context["bus"] = _health(at=timezone.now())
    return context


def _health(*, at: dt.datetime) -> dict[str, Any]:
    outbox, failures = health.outbox(at=at), health.failures()
    dead = sum(each.dead for each in failures)
    seconds = outbox.oldest_seconds or 0
    is_late = seconds > LATE_SECONDS or any(each.failed for each in failures)
    return {
        "dead": dead,
        "failed": sum(each.failed for each in failures),
        "failures": sorted(failures, key=lambda each: -each.dead),
        "outbox": outbox,
        "unsent_for": wording.span(dt.timedelta(seconds=seconds)),
        "verdict": "dead" if dead or outbox.set_aside else "late" if is_late else "done",
    }
