"""Publishing: an event is a row in the transaction that made it true."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

import orjson
from django.db import connection
from django.utils import timezone

from kernel.bus import context, spans
from kernel.bus.envelope import payload_of
from kernel.bus.event import Event
from kernel.bus.models import OutboxEvent
from kernel.bus.personal import key_of
from kernel.ids import new_id
from kernel.transactions import demand_transaction, transaction_required

# On every way through the shop, and so without the ORM, which takes twice the time.
_INSERT = """
INSERT INTO bus_outbox (event_id, name, subject, order_id, payload, occurred_at, recorded_at,
    actor, correlation_id, causation_id, traceparent, tries, set_aside)
SELECT event_id, name, subject, order_id, payload, occurred_at, recorded_at,
    actor, correlation_id, causation_id, traceparent, 0, ''
FROM jsonb_populate_recordset(NULL::bus_outbox, %s)
"""


def publish(*events: Event) -> None:
    """
    Store events beside the change that they report; the relay sends them.

    :raises TransactionMissing: outside a transaction.
    """
    demand_transaction("publish")
    rows = [_row(event) for event in events]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [orjson.dumps(rows).decode()])


def publish_in_parts(event: type[Event], *, rows: Sequence[Any], size: int, **facts: Any) -> None:
    """
    Publish rows in events of so many each, or one without any: what is long must fit into messages.

    The event has `rows`, which `part` it is (from 1), and how many `parts` there are.
    """
    parts = [tuple(rows[first : first + size]) for first in range(0, len(rows) or 1, size)]
    numbered = enumerate(parts, start=1)
    publish(*(event(**facts, part=n, parts=len(parts), rows=part) for n, part in numbered))


@transaction_required
def send_again(*, event_ids: Collection[uuid.UUID]) -> int:
    """
    Let the relay send events of the log once more, and return how many that are.

    They go to every queue that hears them; who has taken one into effect drops the copy.
    What waits to be sent anyway isn't counted.
    """
    return OutboxEvent.objects.filter(event_id__in=event_ids, sent_at__isnull=False).update(
        sent_at=None, tries=0, next_try_at=None
    )


def _row(event: Event) -> dict[str, Any]:
    event_id, cause = new_id(), context.current()
    return {
        "event_id": event_id,
        "name": event.name,
        "subject": event.subject,
        "order_id": event.order_id_or_none,
        "payload": payload_of(event, _key(event)),
        "occurred_at": event.occurred_at,
        "recorded_at": timezone.now(),
        "actor": cause.actor,
        "correlation_id": cause.correlation_id,
        "causation_id": cause.causation_id,
        "traceparent": spans.published(event, event_id, cause=cause.traceparent),
    }


def _key(event: Event) -> bytes | None:
    person: uuid.UUID | None = getattr(event, event.person_field) if event.person_field else None
    return key_of(person) if person and event.personal_fields else None
