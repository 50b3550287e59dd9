"""
Faults put into the real code on purpose, one by one: the simulator must find each of them.

Each is what a hurried change could do, and none fails without bad luck.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from django.db import connection
from django.utils import timezone

from apps.audit.models import Chain
from apps.invoices.models import Billing, Series
from apps.orders.models import StockItem
from apps.payment import gateway
from apps.payment.models import Kind, Payment
from apps.warehouse import usecases as warehouse
from kernel.bus import inbox, jobs, outbox, relay
from kernel.bus.envelope import Envelope
from kernel.bus.event import Event
from kernel.bus.subscriptions import Handler
from kernel.ids import new_id
from kernel.transactions import demand_transaction, transaction

Defect = Callable[[], AbstractContextManager[None]]


def mark_outside_the_transaction() -> AbstractContextManager[None]:
    """Set the mark of the inbox before the handler's transaction: who dies between has lost it."""
    run_one = inbox._run_one  # noqa: SLF001

    def run(handler: Handler, envelope: Envelope, event: Event) -> None:
        if handler.is_outside:
            run_one(handler, envelope, event)
            return
        with transaction():
            inbox._mark_or_stop(handler.name, envelope)  # noqa: SLF001
        with transaction():
            handler.run(event)

    return _replaced(inbox, "_run_one", run)


def publish_after_the_commit() -> AbstractContextManager[None]:
    """Write events once their cause is committed: who dies between has told nobody."""
    publish = outbox.publish

    def publish_later(*events: Event) -> None:
        demand_transaction("publish")

        def write() -> None:
            with transaction():
                publish(*events)

        connection.on_commit(write)

    return _replaced_everywhere(publish, publish_later)


def reserve_without_looking() -> AbstractContextManager[None]:
    """Reserve whatever is asked for, and leave it to the database to refuse."""
    return _replaced(warehouse, "_short_lines", lambda wanted: ())


def ignore_an_authorization_after_the_cancel() -> AbstractContextManager[None]:
    """Count an order that ended as void, though the gateway has just said that it holds money."""
    accept = Payment.accept

    def accept_or_ignore(payment: Payment, kind: str, amount: int) -> bool:
        if kind == Kind.AUTHORIZE and payment.is_ended:
            payment.state = Payment.State.VOIDED
            return False
        return accept(payment, kind, amount)

    return _replaced(Payment, "accept", accept_or_ignore)


@contextlib.contextmanager
def take_the_number_before_the_transaction() -> Iterator[None]:
    """Take an invoice's number and commit, then issue: who dies between leaves a gap."""
    take, run_one = Series.take, inbox._run_one  # noqa: SLF001
    held = threading.local()

    def run(handler: Handler, envelope: Envelope, event: Event) -> None:
        held.series = None
        if _will_issue(handler.name, event):
            with transaction():
                held.series = take("INV", on=timezone.now().date())
        run_one(handler, envelope, event)

    def take_what_is_held(kind: str, *, on: dt.date) -> Series:
        found, held.series = (held.series if kind == "INV" else None), None
        return found or take(kind, on=on)

    with (
        _replaced(inbox, "_run_one", run),
        _replaced(Series, "take", staticmethod(take_what_is_held)),
    ):
        yield


def _will_issue(handler: str, event: Any) -> bool:
    other_half = {
        "invoices.note_capture": {"fulfilment__isnull": False},
        "invoices.note_fulfilment": {"captured_at__isnull": False},
    }.get(handler)
    if other_half is None:
        return False
    waiting = Billing.objects.filter(order_id=event.order_id, issued_at=None)
    return waiting.filter(**other_half).exists()


def give_each_call_a_key_of_its_own() -> AbstractContextManager[None]:
    """Call the gateway under a new idempotency key each time, so that it does its work again."""
    carry_out = gateway.carry_out

    def carry_out_as_new(wish: gateway.Wish) -> gateway.Answer:
        return carry_out(dataclasses.replace(wish, id=new_id()))

    return _replaced(gateway, "carry_out", carry_out_as_new)


@contextlib.contextmanager
def mark_as_sent_before_sending() -> Iterator[None]:
    """Let the relay commit its marks, then send: who dies between has sent nothing."""

    def send_due(self: relay.Relay, *, at: dt.datetime) -> relay.Sent:
        with transaction():
            encoded = list(relay._encoded(relay._due(at)))  # noqa: SLF001
            relay._mark([event.sequence for event in encoded], (), at)  # noqa: SLF001
        if encoded:
            self._courier(relay.packs(encoded))
        return relay.Sent(len(encoded), 0)

    with _replaced(relay.Relay, "send_due", send_due), _without_the_watchdog():
        yield


def overwrite_newer_stock() -> AbstractContextManager[None]:
    """Take over every stock level that comes, an older one too."""

    def remember(*, product_id: object, version: int, free: int) -> None:
        StockItem.objects.update_or_create(
            product_id=product_id, defaults={"version": version, "free": free}
        )

    return _replaced(StockItem, "remember", remember)


@contextlib.contextmanager
def acknowledge_what_failed() -> Iterator[None]:
    """Call every message done, also one that a handler could not take."""
    deliver = inbox.deliver

    def deliver_once(queue: str, pack: Sequence[Envelope]) -> bool:
        deliver(queue, pack)
        return True

    with _replaced_everywhere(deliver, deliver_once), _without_the_watchdog():
        yield


def append_without_the_lock() -> AbstractContextManager[None]:
    """Read the chain's head without locking it: two packs at once are put behind the same one."""

    def read(retentions: Collection[str], *, month: dt.date) -> dict[str, Chain]:
        missing = [
            Chain(name=f"{name}-{month:%Y-%m}", retention=name, month=month)
            for name in sorted(retentions)
        ]
        Chain.objects.bulk_create(missing, ignore_conflicts=True)
        heads = Chain.objects.filter(retention__in=retentions, month=month)
        return {head.retention: head for head in heads}

    return _replaced(Chain, "lock", staticmethod(read))


DEFECTS: dict[str, Defect] = {
    "mark outside the transaction": mark_outside_the_transaction,
    "publish after the commit": publish_after_the_commit,
    "reservation without the condition": reserve_without_looking,
    "authorization ignored after a cancel": ignore_an_authorization_after_the_cancel,
    "invoice number before the transaction": take_the_number_before_the_transaction,
    "a new key for each call of the gateway": give_each_call_a_key_of_its_own,
    "relay marks before it sends": mark_as_sent_before_sending,
    "replica without comparing versions": overwrite_newer_stock,
    "failed messages acknowledged": acknowledge_what_failed,
    "audit appends without the lock": append_without_the_lock,
}


@contextlib.contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    with mock.patch.object(owner, name, value):
        yield


@contextlib.contextmanager
def _replaced_everywhere(function: Callable[..., Any], value: Callable[..., Any]) -> Iterator[None]:
    """Replace a function under its name in every module of ours that has imported it."""
    name = function.__name__
    with contextlib.ExitStack() as stack:
        for module in list(sys.modules.values()):
            if vars(module).get(name) is function:
                stack.enter_context(_replaced(module, name, value))
        yield


@contextlib.contextmanager
def _without_the_watchdog() -> Iterator[None]:
    """Let nobody send again what was lost: an hour later all would be well."""
    others = {name: job for name, job in jobs._JOBS.items() if not name.startswith("bus.")}  # noqa: SLF001
    with mock.patch.dict(jobs._JOBS, others, clear=True):  # noqa: SLF001
        yield
