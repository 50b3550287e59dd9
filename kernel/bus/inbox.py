"""From a queue to the handlers: a handler's effect and its mark commit together, once."""

from __future__ import annotations

import contextlib
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

import structlog
from django.db import connection
from django.utils import timezone

from kernel import limits, tracing
from kernel.bus.envelope import Envelope, UnknownEvent
from kernel.bus.event import Event, event_class
from kernel.bus.models import Delivery, InboxMark
from kernel.bus.personal import Keys, keys_of
from kernel.bus.spans import hearing, hearing_pack
from kernel.bus.subscriptions import UNKNOWN, Handler, handlers_on
from kernel.transactions import transaction

log = structlog.get_logger(__name__)

Answered = Callable[[], AbstractContextManager[None]]
"""What a handler with `outside=True` is given: `with answered():` opens the one transaction
in which it writes the answer, and in which its mark is set."""

Known = dict[tuple[uuid.UUID, str], str]


class HandlerMissing(Exception):
    """No handler on this queue hears the event: its sender knows more than this code."""


class AnswerMissing(Exception):
    """A handler for the outside world returned without `with answered():`."""


class AlreadyHandled(tracing.NoFailure):
    """The event has taken effect before; nothing of this attempt stays."""


def deliver(queue: str, pack: Sequence[Envelope]) -> bool:
    """
    Run every handler of this queue for every event of the pack, each once in effect.

    Return whether all is done. What isn't (a handler failed, the time is over) must come
    again; failures are recorded as `Delivery`.
    """
    keys = keys_of(person for envelope in pack if (person := envelope.person_id))
    known = _deliveries(pack)
    deadline = time.monotonic() + limits.PACK_SECONDS
    is_done = True
    for step in _steps(queue, pack):
        if time.monotonic() > deadline:
            log.warning("pack_given_back", queue=queue, events=len(pack))
            return False
        is_done = _take(step, known, keys) and is_done
    return is_done


def hear(handler: Handler, envelopes: list[Envelope], keys: Keys) -> bool:
    """
    Let one handler take events that it hears, each once in effect; return whether it is done.

    What fails is recorded as `Delivery`, as if the events had come by the handler's queue.
    """
    return _take(_Step(handler, envelopes), _deliveries(envelopes), keys)


def hear_again(handler: Handler, envelopes: list[Envelope], keys: Keys) -> str:
    """
    Run a handler for events that it has taken before, past its marks, which stay as they are.

    Return the error's name; nothing if it is done. What fails is rolled back and not tried again:
    the events have had their effect.
    """
    try:
        _run_again(handler, envelopes, keys)
    except Exception as error:  # noqa: BLE001 -- told to who asked for it; the rest goes on
        log.warning("handler_failed_again", handler=handler.name, error=type(error).__name__)
        return _name_of(error)
    return ""


class _Step:
    """One event for one handler, or a pack for a handler that takes it whole."""

    def __init__(self, handler: Handler | None, envelopes: list[Envelope]) -> None:
        self.handler = handler
        self.name = handler.name if handler else UNKNOWN
        self.envelopes = envelopes

    def without_discarded(self, known: Known) -> list[Envelope]:
        return [
            envelope
            for envelope in self.envelopes
            if known.get((envelope.event_id, self.name)) != Delivery.State.DISCARDED
        ]

    def failed_before(self, known: Known) -> bool:
        return any((envelope.event_id, self.name) in known for envelope in self.envelopes)


def _steps(queue: str, pack: Sequence[Envelope]) -> Iterator[_Step]:
    whole: dict[str, _Step] = {}
    for envelope in pack:
        cls = event_class(envelope.name)
        handlers = handlers_on(queue, cls) if cls else []
        if not handlers:
            yield _Step(None, [envelope])
        for handler in handlers:
            if handler.is_pack:
                whole.setdefault(handler.name, _Step(handler, [])).envelopes.append(envelope)
            else:
                yield _Step(handler, [envelope])
    yield from whole.values()


def _take(step: _Step, known: Known, keys: Keys) -> bool:
    """Take one step; the inbox alone catches everything: the rest of the pack must go on."""
    envelopes = step.without_discarded(known)
    try:
        _run(step.handler, envelopes, keys)
    except AlreadyHandled:
        pass
    except Exception as error:  # noqa: BLE001 -- recorded, and the message comes again
        log.warning("handler_failed", handler=step.name, error=type(error).__name__)
        _record_failure(step.name, envelopes, error)
        return False
    if step.failed_before(known):
        _record_recovery(step.name, envelopes)
    return True


def _run(handler: Handler | None, envelopes: list[Envelope], keys: Keys) -> None:
    if handler is None:
        for envelope in envelopes:
            raise _why_unheard(envelope)
    elif handler.is_pack:
        with hearing_pack(handler, envelopes), transaction():
            if fresh := _mark(handler.name, envelopes):
                handler.run(fresh)
    else:
        for envelope in envelopes:
            event = envelope.event(keys)
            with hearing(handler, envelope):
                _run_one(handler, envelope, event)


def _run_one(handler: Handler, envelope: Envelope, event: Event) -> None:
    if handler.is_outside:
        _run_outside(handler, envelope, event)
        return
    with transaction():
        _mark_or_stop(handler.name, envelope)
        handler.run(event)


def _run_outside(handler: Handler, envelope: Envelope, event: Event) -> None:
    if InboxMark.objects.filter(event_id=envelope.event_id, handler=handler.name).exists():
        return
    answers = 0

    @contextlib.contextmanager
    def answered() -> Iterator[None]:
        nonlocal answers
        with transaction():
            _mark_or_stop(handler.name, envelope)
            yield
        answers += 1

    handler.run(event, answered)
    if not answers:
        raise AnswerMissing(handler.name)


def _run_again(handler: Handler, envelopes: list[Envelope], keys: Keys) -> None:
    if handler.is_pack:
        with transaction():
            handler.run(envelopes)
        return
    for envelope in envelopes:
        event = envelope.event(keys)
        with hearing(handler, envelope):
            if handler.is_outside:
                handler.run(event, transaction)  # its answer needs one, and no mark
                continue
            with transaction():
                handler.run(event)


def _why_unheard(envelope: Envelope) -> Exception:
    missing = HandlerMissing if event_class(envelope.name) else UnknownEvent
    return missing(envelope.name)


def _mark_or_stop(handler: str, envelope: Envelope) -> None:
    if not _mark(handler, [envelope]):
        raise AlreadyHandled


def _mark(handler: str, envelopes: Sequence[Envelope]) -> list[Envelope]:
    """Set the marks and return the envelopes that had none; a concurrent delivery waits here."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO bus_inbox (event_id, handler, handled_at)
            SELECT unnest(%s::uuid[]), %s, %s
            ON CONFLICT (event_id, handler) DO NOTHING RETURNING event_id
            """,
            [sorted(e.event_id for e in envelopes), handler, timezone.now()],
        )
        fresh = {event_id for (event_id,) in cursor.fetchall()}
    return [envelope for envelope in envelopes if envelope.event_id in fresh]


def _deliveries(pack: Sequence[Envelope]) -> Known:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT event_id, handler, state FROM bus_delivery WHERE event_id = ANY(%s)",
            [[envelope.event_id for envelope in pack]],
        )
        return {(event_id, handler): state for event_id, handler, state in cursor.fetchall()}


def _record_recovery(handler: str, envelopes: list[Envelope]) -> None:
    Delivery.objects.filter(
        event_id__in=[envelope.event_id for envelope in envelopes], handler=handler
    ).exclude(state=Delivery.State.DISCARDED).update(
        state=Delivery.State.RECOVERED, updated_at=timezone.now()
    )


def _record_failure(handler: str, envelopes: list[Envelope], error: Exception) -> None:
    """
    Note the failure, but not the values that it speaks of: they may be personal.

    A stale copy changes nothing of what is settled: what was taken meanwhile has not failed, what
    was discarded stays so, and what is dead stays dead until someone redrives it.
    """
    frames = "".join(traceback.format_tb(error.__traceback__))
    now = timezone.now()
    with connection.cursor() as cursor:
        for envelope in envelopes:
            cursor.execute(
                """
                INSERT INTO bus_delivery (event_id, handler, name, order_id, state, attempts,
                    error, traceback, first_failed_at, updated_at)
                SELECT %(event_id)s, %(handler)s, %(name)s, %(order_id)s, 'FAILED', 1,
                    %(error)s, %(traceback)s, %(now)s, %(now)s
                WHERE NOT EXISTS (
                    SELECT FROM bus_inbox AS mark
                    WHERE mark.event_id = %(event_id)s AND mark.handler = %(handler)s
                )
                ON CONFLICT (event_id, handler) DO UPDATE SET
                    state = CASE bus_delivery.state WHEN 'DEAD' THEN 'DEAD' ELSE 'FAILED' END,
                    attempts = bus_delivery.attempts + 1, error = excluded.error,
                    traceback = excluded.traceback, updated_at = excluded.updated_at
                WHERE bus_delivery.state <> 'DISCARDED'
                """,
                {
                    "event_id": envelope.event_id,
                    "handler": handler,
                    "name": envelope.name,
                    "order_id": envelope.order_id,
                    "error": _name_of(error),
                    "traceback": frames,
                    "now": now,
                },
            )


def _name_of(error: Exception) -> str:
    """Return the error's type, and the text only of our own errors: others quote row values."""
    kind = type(error)
    is_ours = kind.__module__.split(".")[0] in {"apps", "kernel"}
    return f"{kind.__module__}.{kind.__qualname__}{f': {error}' if is_ours else ''}"[:500]
