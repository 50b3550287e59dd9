"""The only two Celery tasks: one carries events, one runs what time triggers."""

from __future__ import annotations

from typing import Any

from celery import Task, shared_task
from django.db import close_old_connections

from kernel.bus import inbox, jobs
from kernel.bus.envelope import from_wire


class NotDone(Exception):
    """Part of the pack is still open: the message must come again (see `bus_delivery`)."""


@shared_task(name="bus.deliver", bind=True, throws=(NotDone,))  # type: ignore[arg-type]
def deliver(self: Task[Any, None], events: list[dict[str, Any]], **_: Any) -> None:
    """
    Hand a pack to the inbox; further keyword arguments are a newer sender's.

    :raises NotDone: so that Celery rejects the message and the transport gives it back.
    """
    close_old_connections()  # and check the one that stays
    queue: str = self.request.delivery_info["routing_key"]  # type: ignore[index,assignment]
    if not inbox.deliver(queue, [from_wire(event) for event in events]):
        raise NotDone


@shared_task(name="bus.run_job", acks_on_failure_or_timeout=True)
def run_job(name: str) -> None:
    """Run a job unless it is running already. One that fails is not tried again: time will."""
    close_old_connections()
    jobs.run(name)
