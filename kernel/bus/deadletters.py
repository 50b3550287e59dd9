"""What the queues gave up: noted in `bus_delivery`, where people mend or discard it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import structlog
from botocore.exceptions import ClientError
from django.conf import settings
from django.db import connection
from django.utils import timezone

from kernel.bus import context, sqs
from kernel.bus.envelope import Envelope, from_wire
from kernel.bus.event import event_class
from kernel.bus.jobs import every
from kernel.bus.models import Delivery, OutboxEvent
from kernel.bus.outbox import send_again
from kernel.bus.subscriptions import UNKNOWN, handlers_on
from kernel.refusals import Refusal
from kernel.transactions import transaction, transaction_required

log = structlog.get_logger(__name__)

# A letter that stays in its queue is looked at again after this time.
HIDDEN_SECONDS = 300
MOST_READS = 100  # of a queue in one run, ten messages each
# What the inbox could not record itself.
SILENT = "No error was recorded: the handler's process died, or its time was over."
# An event that was sent again so much later than a letter was has a newer copy, which decides.
# (A relay notes the time before it sends; its clock and that of SQS differ by less.)
NEWER = dt.timedelta(minutes=1)


class NothingToRedrive(Refusal):
    """None of these deliveries is dead: there is nothing to redrive."""


class NothingToDiscard(Refusal):
    """None of these deliveries is dead or has failed: there is nothing to discard."""


@dataclasses.dataclass(frozen=True)
class Letter:
    """A message of a dead-letter queue."""

    receipt: str
    body: str
    sent_at: dt.datetime


@every(minutes=1)
def record_dead_letters() -> None:
    """
    Note for each dead letter which handlers have not taken which of its events, and delete it.

    A letter that is no pack of our log's events stays in its queue, and is logged at each look.
    """
    client = sqs.client(region=settings.AWS_REGION, endpoint=settings.AWS_ENDPOINT_URL)
    for queue in settings.QUEUES:
        try:
            strange = sum(_record_batches(client, queue))
        except ClientError as error:  # of this queue; that nobody answers ends the run
            log.warning("dead_letters_unread", queue=queue, error=str(error))
            continue
        if strange:
            log.error("strange_dead_letters", queue=queue, letters=strange)


def _record_batches(client: Any, queue: str) -> Iterator[int]:
    """Record and delete ten by ten; yield how many of them stay."""
    url = f"{settings.QUEUE_URL_PREFIX}{queue}-dlq"
    for letters in _letters(client, url):
        done = [letter for letter in letters if _is_recorded(letter, queue)]
        _delete(client, url, done)
        yield len(letters) - len(done)


def _letters(client: Any, url: str) -> Iterator[list[Letter]]:
    for _ in range(MOST_READS):
        answer = client.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=sqs.BATCH,
            VisibilityTimeout=HIDDEN_SECONDS,
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        if not (messages := answer.get("Messages")):
            return
        yield [_letter(message) for message in messages]


def _letter(message: dict[str, Any]) -> Letter:
    milliseconds = int(message["Attributes"]["SentTimestamp"])
    sent_at = dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)
    return Letter(message["ReceiptHandle"], message["Body"], sent_at)


def _is_recorded(letter: Letter, queue: str) -> bool:
    pack = _pack_of(letter.body)
    if not pack or not _are_in_log(pack):
        return False
    with transaction():
        record(queue=queue, pack=pack, sent_at=letter.sent_at, at=timezone.now())
    return True


def _pack_of(body: str) -> list[Envelope] | None:
    """Return the events of a message as Celery sends it; None if it is something else."""
    try:
        [events], _, _ = json.loads(json.loads(body)["body"])
        return [from_wire(event) for event in events]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _are_in_log(pack: Sequence[Envelope]) -> bool:
    ids = {envelope.event_id for envelope in pack}
    return OutboxEvent.objects.filter(event_id__in=ids).count() == len(ids)


def _delete(client: Any, url: str, letters: Sequence[Letter]) -> None:
    """Delete letters; one that stays after all comes again, and changes nothing then."""
    if not letters:
        return
    entries = [{"Id": str(i), "ReceiptHandle": each.receipt} for i, each in enumerate(letters)]
    failed = client.delete_message_batch(QueueUrl=url, Entries=entries).get("Failed", ())
    if failed:
        log.warning("deleting_failed", url=url, n=len(failed), error=failed[0].get("Code"))


@transaction_required
def record(*, queue: str, pack: Sequence[Envelope], sent_at: dt.datetime, at: dt.datetime) -> None:
    """
    Mark as dead what the handlers of this queue have not taken of a pack that was sent then.

    What was discarded by hand stays so; what is known to be dead isn't touched again; and of what
    has been sent again since, the newer copy decides.
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
                ) AND NOT EXISTS (
                    SELECT FROM bus_outbox AS event
                    WHERE event.event_id = %(event_id)s AND event.sent_at > %(newer)s
                )
                ON CONFLICT (event_id, handler) DO UPDATE
                SET state = 'DEAD', updated_at = excluded.updated_at, error =
                    CASE bus_delivery.attempts WHEN 0 THEN excluded.error
                    ELSE bus_delivery.error END
                WHERE bus_delivery.state NOT IN ('DEAD', 'DISCARDED')
                """,
                {
                    "event_id": envelope.event_id,
                    "handlers": _hearers(queue, envelope.name),
                    "name": envelope.name,
                    "order_id": envelope.order_id,
                    "error": SILENT,
                    "newer": sent_at + NEWER,
                    "at": at,
                },
            )


def _hearers(queue: str, name: str) -> list[str]:
    cls = event_class(name)
    found = [handler.name for handler in handlers_on(queue, cls)] if cls else []
    return found or [UNKNOWN]


@transaction_required
def redrive(*, delivery_ids: Collection[int], at: dt.datetime) -> int:
    """
    Let handlers try again what is dead, with the whole back-off; return how many deliveries.

    What of these isn't dead is left alone.

    :raises NothingToRedrive: if none is.
    """
    rows = _locked(delivery_ids, {Delivery.State.DEAD})
    if not rows:
        raise NothingToRedrive
    _move(rows, Delivery.State.FAILED, at)
    send_again(event_ids={row.event_id for row in rows})
    log.info("redriven", actor=context.current().actor, deliveries=[row.pk for row in rows])
    return len(rows)


@transaction_required
def discard(*, delivery_ids: Collection[int], at: dt.datetime) -> int:
    """
    Give up what is dead or has failed, for good; return how many deliveries.

    The handler never takes these events, whatever copy of them still comes.

    :raises NothingToDiscard: if none is dead or has failed.
    """
    rows = _locked(delivery_ids, {Delivery.State.DEAD, Delivery.State.FAILED})
    if not rows:
        raise NothingToDiscard
    _move(rows, Delivery.State.DISCARDED, at)
    log.info("discarded", actor=context.current().actor, deliveries=[row.pk for row in rows])
    return len(rows)


def _locked(ids: Collection[int], states: Collection[Delivery.State]) -> list[Delivery]:
    rows = Delivery.objects.select_for_update().filter(pk__in=ids, state__in=states)
    return list(rows.order_by("pk"))


def _move(rows: Sequence[Delivery], state: Delivery.State, at: dt.datetime) -> None:
    moved = Delivery.objects.filter(pk__in=[row.pk for row in rows])
    moved.update(state=state, updated_at=at)
