"""How the bus is: what waits where, for how long, and what has failed."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from typing import Any

from botocore.exceptions import ClientError
from django.conf import settings
from django.db import connection
from django.db.models import Count, Min

from kernel.bus import sqs
from kernel.bus.event import event_names
from kernel.bus.models import Delivery, OutboxEvent, Subscription
from kernel.bus.pruning import checked_to
from kernel.bus.subscriptions import all_handlers
from kernel.bus.watchdog import names_heard

# A status is wanted soon: SQS answers in milliseconds, or is away.
PATIENCE_SECONDS = 2
_COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


@dataclasses.dataclass(frozen=True)
class Queue:
    """
    One queue. What SQS says is None where it didn't answer.

    `oldest_seconds` is the time since the sending of the oldest event that a handler of the queue
    has neither taken nor given up, within the watchdog's limit: what is older is among the
    failures. `dead` counts deliveries, `letters` the messages that wait to become such.
    """

    queue: str
    waiting: int | None
    in_flight: int | None
    oldest_seconds: float | None
    dead: int
    letters: int | None


@dataclasses.dataclass(frozen=True)
class Outbox:
    """What waits to be sent, for how long, and what can't be sent at all."""

    unsent: int
    oldest_seconds: float | None
    set_aside: int


@dataclasses.dataclass(frozen=True)
class Failures:
    """What one handler has not taken."""

    handler: str
    failed: int
    dead: int
    last_at: dt.datetime
    last_error: str


@dataclasses.dataclass(frozen=True)
class Watchdog:
    """How far behind its limit the watchdog is, at the handler where it is slowest."""

    lag_seconds: float
    handler: str | None
    unsubscribed: list[str]


def queues(*, at: dt.datetime) -> tuple[list[Queue], str]:
    """Return every queue, and why SQS didn't answer; nothing, if it did."""
    counts, error = _counts()
    ages, dead = oldest(at), _dead()
    found = [
        Queue(
            queue=name,
            waiting=counts.get(name, {}).get(_COUNTS[0]),
            in_flight=counts.get(name, {}).get(_COUNTS[1]),
            oldest_seconds=ages.get(name),
            dead=dead[name],
            letters=sum(counts[f"{name}-dlq"].values()) if f"{name}-dlq" in counts else None,
        )
        for name in (*settings.QUEUES, *settings.FOREIGN_QUEUES)
    ]
    return found, error


def outbox(*, at: dt.datetime) -> Outbox:
    """Return what the outbox holds back."""
    waiting = OutboxEvent.objects.filter(sent_at=None, set_aside="")
    found = waiting.aggregate(unsent=Count("pk"), oldest=Min("recorded_at"))
    age = (at - found["oldest"]).total_seconds() if found["oldest"] else None
    return Outbox(found["unsent"], age, OutboxEvent.objects.exclude(set_aside="").count())


def failures() -> list[Failures]:
    """Return the handlers that have failures open, by name."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT handler, count(*) FILTER (WHERE state = 'FAILED'),
                count(*) FILTER (WHERE state = 'DEAD'), max(updated_at),
                (array_agg(error ORDER BY updated_at DESC))[1]
            FROM bus_delivery WHERE state IN ('FAILED', 'DEAD')
            GROUP BY handler ORDER BY handler
            """
        )
        return [Failures(*row) for row in cursor.fetchall()]


def watchdog(*, at: dt.datetime) -> Watchdog:
    """Return how far the watchdog is behind."""
    names = {handler.name for handler in all_handlers()}
    rows = Subscription.objects.filter(handler__in=names).order_by("checked_to")
    known = list(rows.values_list("handler", "checked_to"))
    unsubscribed = sorted(names - {name for name, _ in known})
    for name, sequence in known[:1]:
        ahead = OutboxEvent.objects.filter(sequence__gt=sequence).order_by("sequence").first()
        limit = at - settings.UNHEARD_AFTER
        if ahead and ahead.recorded_at < limit:
            return Watchdog((limit - ahead.recorded_at).total_seconds(), name, unsubscribed)
    return Watchdog(0, None, unsubscribed)


def _counts() -> tuple[dict[str, dict[str, int]], str]:
    """Ask SQS for its numbers of messages, until it fails to answer."""
    client = sqs.client(
        region=settings.AWS_REGION, endpoint=settings.AWS_ENDPOINT_URL, patience=PATIENCE_SECONDS
    )
    found: dict[str, dict[str, int]] = {}
    refused = ""
    names = (*settings.QUEUES, *settings.FOREIGN_QUEUES)
    for queue in [f"{name}{suffix}" for name in names for suffix in ("", "-dlq")]:
        try:
            found[queue] = _attributes(client, queue)
        except ClientError as error:  # this one is refused; another may be there
            refused = f"{queue}: {error.response['Error'].get('Message', error)}"
        except sqs.FAILURES as error:
            return found, str(error)
    return found, refused


def _attributes(client: Any, queue: str) -> dict[str, int]:
    answer = client.get_queue_attributes(
        QueueUrl=f"{settings.QUEUE_URL_PREFIX}{queue}", AttributeNames=list(_COUNTS)
    )
    return {name: int(answer["Attributes"][name]) for name in _COUNTS}


def _dead() -> Counter[str]:
    rows = Delivery.objects.filter(state=Delivery.State.DEAD).values_list("handler")
    queue_of = {handler.name: handler.queue for handler in all_handlers()}
    counts: Counter[str] = Counter()
    for handler, count in rows.annotate(Count("pk")):
        counts[queue_of.get(handler, handler)] += count
    return counts


def oldest(at: dt.datetime) -> dict[str, float]:
    """Return for each queue how long ago the oldest event was sent that it hasn't taken."""
    heard = [
        (handler.queue, handler.name, name)
        for handler in all_handlers()
        for name in names_heard(handler) or event_names()
    ]
    queues_, handlers, names = map(list, zip(*heard, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT heard.queue, min(event.sent_at)
            FROM unnest(%(queues)s::text[], %(handlers)s::text[], %(names)s::text[])
                AS heard (queue, handler, name)
            JOIN bus_subscription AS own ON own.handler = heard.handler
            JOIN bus_outbox AS event ON event.name = heard.name
                AND event.sequence > own.checked_to AND event.recorded_at >= own.since
            WHERE event.sequence > %(checked_to)s AND event.recorded_at >= %(limit)s
                AND event.sent_at IS NOT NULL
                AND NOT EXISTS (
                    SELECT FROM bus_inbox AS mark
                    WHERE mark.event_id = event.event_id AND mark.handler = heard.handler)
                AND NOT EXISTS (
                    SELECT FROM bus_delivery AS delivery
                    WHERE delivery.event_id = event.event_id
                        AND delivery.handler = heard.handler
                        AND delivery.state IN ('DEAD', 'DISCARDED'))
            GROUP BY heard.queue
            """,
            {
                "queues": queues_,
                "handlers": handlers,
                "names": names,
                "checked_to": checked_to(),
                "limit": at - settings.UNHEARD_AFTER,
            },
        )
        return {queue: (at - sent_at).total_seconds() for queue, sent_at in cursor.fetchall()}
