"""What a person does about events that are stuck: let them be sent, or tried, once more."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections.abc import Collection

import structlog

from kernel.bus import context, timeline
from kernel.bus.deadletters import redrive
from kernel.bus.models import Delivery
from kernel.bus.outbox import send_again
from kernel.bus.timeline import Status
from kernel.refusals import Refusal
from kernel.transactions import transaction_required

log = structlog.get_logger(__name__)


class NothingToTry(Refusal):
    """None of these deliveries is dead or has failed: there is nothing to try again."""


class NothingToSend(Refusal):
    """All of this order's events are taken, or wait to be sent anyway."""


@dataclasses.dataclass(frozen=True)
class Mended:
    """How many dead deliveries may try again, and how many further events are sent again."""

    redriven: int
    sent: int


@transaction_required
def try_again(*, delivery_ids: Collection[int], at: dt.datetime) -> Mended:
    """
    Let handlers try again now what is dead or has failed.

    Who is dead gets the whole back-off once more; what failed need not wait for its next attempt.

    :raises NothingToTry: if none of them is dead or failed.
    """
    rows = list(Delivery.objects.filter(pk__in=delivery_ids))
    dead = {row.pk for row in rows if row.state == Delivery.State.DEAD}
    failed = {row.event_id for row in rows if row.state == Delivery.State.FAILED}
    if not dead and not failed:
        raise NothingToTry
    return _mend(dead, failed, at=at)


@transaction_required
def send_undone(*, order_id: uuid.UUID, at: dt.datetime) -> Mended:
    """
    Send each event of an order again that a handler has not taken, and redrive what is dead.

    :raises NothingToSend: if there is none, or all of them wait to be sent anyway.
    """
    found = timeline.read(order_id=order_id)
    undone = found.undone if found else []
    dead = {
        hearing.delivery_id
        for _, hearing in undone
        if hearing.status is Status.DEAD and hearing.delivery_id
    }
    mended = _mend(dead, {told.event.event_id for told, _ in undone}, at=at)
    if mended == Mended(0, 0):
        raise NothingToSend
    return mended


def _mend(dead: Collection[int], events: Collection[uuid.UUID], *, at: dt.datetime) -> Mended:
    redriven = redrive(delivery_ids=dead, at=at) if dead else 0
    sent = send_again(event_ids=events)
    log.info("sent_again", actor=context.current().actor, redriven=redriven, events=sent)
    return Mended(redriven, sent)
