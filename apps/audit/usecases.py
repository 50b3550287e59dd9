"""All that audit can be asked to do."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

from apps.audit.models import FAILURES, Chain, KnownUser, Record, retention_of
from kernel.bus.envelope import Envelope
from kernel.transactions import transaction_required


class AlreadyRecorded(Exception):
    """An event lies in an earlier month's chain: someone has it recorded again, past its mark."""


@transaction_required
def record_events(*, envelopes: Sequence[Envelope], at: dt.datetime) -> None:
    """
    Append events, each to the chain of its retention class in the month of `at` (UTC).

    :raises AlreadyRecorded: if one was recorded in an earlier month.
    :raises IntegrityError: if one was recorded in this month.
    """
    month = _month(at)
    _demand_new([e.event_id for e in envelopes if _month(e.recorded_at) < month])
    records = [(retention_of(envelope.name), _record(envelope, at)) for envelope in envelopes]
    chains = Chain.lock({retention for retention, _ in records}, month=month)
    for retention, record in records:
        record.append_to(chains[retention])
    Record.objects.bulk_create([record for _, record in records])
    Chain.move_heads(chains.values())


@transaction_required
def drop_chain(*, name: str) -> bool:
    """Drop a chain's records; return whether they could go: its time must be over."""
    return Chain(name=name).drop()


@transaction_required
def note_user(*, user_id: uuid.UUID, version: int, email: str | None) -> None:
    """Remember a user's e-mail address; None if its key is gone."""
    KnownUser.learn(user_id=user_id, version=version, email=(email or "").lower(), is_erased=False)


@transaction_required
def forget_user(*, user_id: uuid.UUID, version: int) -> None:
    """Leave of an erased user nothing but the fact; no older news brings them back."""
    KnownUser.learn(user_id=user_id, version=version, email="", is_erased=True)


def _month(at: dt.datetime) -> dt.date:
    return at.astimezone(dt.UTC).date().replace(day=1)


def _demand_new(late: Sequence[uuid.UUID]) -> None:
    """Refuse what an earlier partition has: the index that refuses it otherwise is this month's."""
    if late and Record.objects.filter(event_id__in=late).exists():
        raise AlreadyRecorded


def _record(envelope: Envelope, at: dt.datetime) -> Record:
    is_failure = envelope.name in FAILURES
    return Record(
        event_id=envelope.event_id,
        name=envelope.name,
        subject=envelope.subject,
        order_id=envelope.order_id,
        person_id=envelope.person_id,
        actor=envelope.actor,
        request_id=envelope.correlation_id,
        causation_id=envelope.causation_id,
        traceparent=envelope.traceparent,
        occurred_at=envelope.occurred_at,
        recorded_at=at,
        outcome=Record.Outcome.FAILURE if is_failure else Record.Outcome.OK,
        payload=envelope.payload,
    )
