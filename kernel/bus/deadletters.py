"""What the queues gave up, copied to where people and the watchdog look: `bus_delivery`."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from typing import Any

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from kernel.bus import sqs
from kernel.bus.envelope import Envelope, from_wire
from kernel.bus.event import event_class
from kernel.bus.jobs import every
from kernel.bus.subscriptions import handlers_on
from kernel.transactions import transaction, transaction_required

log = structlog.get_logger(__name__)

# A dead letter stays in its queue; it is looked at again after this time.
HIDDEN_SECONDS = 300
MOST_READS = 100  # of a queue in one run, ten messages each
# What the inbox could not record itself.
SILENT = "No error was recorded: the handler's process died, or its time was over."


@every(minutes=1)
def record_dead_letters() -> None:
    """Note for each dead letter which handlers have not taken which of its events."""
    client = sqs.client(region=settings.AWS_REGION, endpoint=settings.AWS_ENDPOINT_URL)
    for queue in settings.QUEUES:
        for body in _bodies(client, f"{settings.QUEUE_URL_PREFIX}{queue}-dlq"):
            pack = _pack_of(body)
            if pack is None:
                log.error("strange_dead_letter", queue=queue)
                continue
            with transaction():
                record(queue=queue, pack=pack, at=timezone.now())


@transaction_required
def record(*, queue: str, pack: Sequence[Envelope], at: dt.datetime) -> None:
    """
    Mark as dead what the handlers of this queue have not taken of a pack.

    What was discarded by hand stays so; what is known to be dead isn't touched again.
    """
    with connection.cursor() as cursor:
        for envelope in pack:
            cursor.execute(
                """
                INSERT INTO bus_delivery (event_id, handler, name, order_id, state, attempts,
                    error, traceback, first_failed_at, updated_at)
                SELECT %(event_id)s, handler, %(name)s, %(order_id)s, 'DEAD', 0, %(error)s, '',
                    %(at)s, %(at)s
                FROM unnest(%(handlers)s::text[]) AS handler
                WHERE NOT EXISTS (
                    SELECT FROM bus_inbox AS mark
                    WHERE mark.event_id = %(event_id)s AND mark.handler = handler
                )
                ON CONFLICT (event_id, handler) DO UPDATE
                SET state = 'DEAD', updated_at = excluded.updated_at
                WHERE bus_delivery.state NOT IN ('DEAD', 'DISCARDED')
                """,
                {
                    "event_id": envelope.event_id,
                    "handlers": _hearers(queue, envelope.name),
                    "name": envelope.name,
                    "order_id": envelope.order_id,
                    "error": SILENT,
                    "at": at,
                },
            )


def _hearers(queue: str, name: str) -> list[str]:
    cls = event_class(name)
    found = [handler.name for handler in handlers_on(queue, cls)] if cls else []
    return found or ["unknown"]


def _bodies(client: Any, url: str) -> Iterator[str]:
    for _ in range(MOST_READS):
        answer = client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=sqs.BATCH, VisibilityTimeout=HIDDEN_SECONDS
        )
        messages = answer.get("Messages", ())
        yield from (message["Body"] for message in messages)
        if not messages:
            return


def _pack_of(body: str) -> list[Envelope] | None:
    """Return the events of a message as Celery sends it; None if it is something else."""
    try:
        [events], _, _ = json.loads(json.loads(body)["body"])
        return [from_wire(event) for event in events]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
