from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, connections

from apps.audit import usecases
from apps.audit.models import (
    FAILURES,
    GENESIS,
    RETENTION_BY_MODULE,
    RETENTION_YEARS,
    Chain,
    Record,
    Retention,
)
from apps.products.events import ProductRejected
from apps.users.events import UserErased
from kernel.bus import context, inbox
from kernel.bus.event import event_names
from kernel.bus.models import InboxMark, OutboxEvent
from kernel.bus.testing import envelopes, twice_and_shuffled
from kernel.ids import new_id
from kernel.transactions import savepoint, transaction
from tests.audit.conftest import NOON, captured, flow, placed, tell

ROW = [
    "event_id",
    "name",
    "subject",
    "order_id",
    "person_id",
    "actor",
    "request_id",
    "causation_id",
    "traceparent",
    "occurred_at",
    "outcome",
    "payload",
]


def test_every_module_that_speaks_has_a_retention_class() -> None:
    speakers = {name.split(".")[0] for name in event_names()} & set(settings.MODULES)
    assert speakers <= set(RETENTION_BY_MODULE)
    assert set(RETENTION_YEARS) == set(Retention)


def test_every_failure_is_an_event_that_someone_declares() -> None:
    assert set(event_names()) >= FAILURES


@pytest.mark.django_db
def test_an_event_is_kept_word_for_word_with_who_and_why() -> None:
    order_id, customer_id, cause_id = new_id(), new_id(), new_id()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    cause = context.Context(f"customer:{customer_id}", "request-1", cause_id, trace)
    with context.acting(cause):
        tell(placed(order_id, customer_id))
    flow()

    record = Record.objects.values(*ROW).get()
    [told] = envelopes()
    assert record == {
        "event_id": told.event_id,
        "name": "orders.order_placed.v1",
        "subject": order_id,
        "order_id": order_id,
        "person_id": customer_id,
        "actor": f"customer:{customer_id}",
        "request_id": "request-1",
        "causation_id": cause_id,
        "traceparent": trace,
        "occurred_at": NOON,
        "outcome": "ok",
        "payload": told.payload,
    }
    assert "Lovelace" not in str(record["payload"])


@pytest.mark.django_db
def test_a_failure_is_told_apart(heard: Callable[..., None]) -> None:
    heard(ProductRejected(occurred_at=NOON, product_id=new_id(), code="L-1", reason="code_taken"))
    heard(captured(new_id()))

    outcomes = dict(Record.objects.values_list("name", "outcome"))
    assert outcomes == {
        "products.product_rejected.v1": "failure",
        "payment.payment_captured.v1": "ok",
    }


@pytest.mark.django_db
def test_each_retention_class_and_month_has_a_chain_of_its_own() -> None:
    for day in (dt.date(2026, 3, 31), dt.date(2026, 4, 1)):
        order_id = new_id()
        tell(placed(order_id, new_id()), captured(order_id))
        pack = envelopes()[-2:]
        at = dt.datetime.combine(day, dt.time(23), dt.UTC)
        with transaction():
            usecases.record_events(envelopes=pack, at=at)

    heads = Chain.objects.order_by("name").values_list("name", "retention", "month", "last_seq")
    assert list(heads) == [
        ("money-2026-03", "money", dt.date(2026, 3, 1), 1),
        ("money-2026-04", "money", dt.date(2026, 4, 1), 1),
        ("orders-2026-03", "orders", dt.date(2026, 3, 1), 1),
        ("orders-2026-04", "orders", dt.date(2026, 4, 1), 1),
    ]


@pytest.mark.django_db
def test_each_record_carries_the_hash_of_the_one_before(heard: Callable[..., None]) -> None:
    heard(*(captured(new_id()) for _ in range(3)))

    records = list(Record.objects.order_by("seq"))
    assert [record.seq for record in records] == [1, 2, 3]
    assert [record.prev_hash for record in records] == [GENESIS, *(r.hash for r in records[:2])]
    assert [record.hash for record in records] == [record.digest() for record in records]
    assert Chain.objects.get().last_hash == records[-1].hash


@pytest.mark.django_db
def test_the_hash_is_the_same_before_storing_and_after() -> None:
    tell(captured(new_id()))
    payload = {"b": [1.0, 0.1, 1e22, 1e-7], "a": {"é": "\U0001f600", "n": None, "t": True}}
    OutboxEvent.objects.update(payload=payload)
    with transaction():
        usecases.record_events(envelopes=envelopes(), at=NOON)

    record = Record.objects.get()
    assert record.hash == record.digest()


@pytest.mark.django_db
def test_an_event_that_comes_twice_and_late_is_kept_once() -> None:
    tell(*(captured(new_id()) for _ in range(20)))
    flow(twice_and_shuffled(seed=5))

    assert Record.objects.count() == Chain.objects.get().last_seq == 20


@pytest.mark.django_db
def test_a_pack_is_appended_in_few_statements(
    heard: Callable[..., None], django_assert_max_num_queries: Any
) -> None:
    tell(*(captured(new_id()) for _ in range(25)), *(placed(new_id(), new_id()) for _ in range(5)))
    pack = envelopes()
    with transaction(), django_assert_max_num_queries(3):
        usecases.record_events(envelopes=pack, at=NOON)


def fill(packs: list[list[Any]]) -> None:
    for pack in packs:
        assert inbox.deliver("audit", pack)
    connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_time_do_not_fork_a_chain() -> None:
    orders = [new_id() for _ in range(60)]
    tell(*(event for order in orders for event in (captured(order), placed(order, new_id()))))
    told = envelopes()
    packs = [told[start : start + 5] for start in range(0, len(told), 5)]
    # Every pack goes to two workers, and each pack meets both classes.
    shares = [packs[0::3], packs[1::3], packs[2::3], packs[::-1]]
    workers = [threading.Thread(target=fill, args=(share,)) for share in shares]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert Record.objects.count() == 120
    for chain in Chain.objects.all():
        records = list(Record.objects.filter(chain=chain).order_by("seq"))
        assert [record.seq for record in records] == list(range(1, 61))
        hashes = [GENESIS, *(record.hash for record in records)]
        assert [record.prev_hash for record in records] == hashes[:-1]
        assert (chain.last_seq, chain.last_hash) == (60, hashes[-1])
    assert InboxMark.objects.filter(handler="audit.record_events").count() == 120


@pytest.mark.django_db
def test_an_unknown_outcome_and_a_second_place_are_refused(heard: Callable[..., None]) -> None:
    heard(captured(new_id()))
    for changes, guard in [
        ({"event_id": new_id(), "seq": 2, "outcome": "fine"}, "audit_record_outcome"),
        ({"event_id": new_id()}, "chain_id_seq"),
        ({"seq": 2}, "event_id"),
    ]:
        record = Record.objects.get()
        for name, value in changes.items():
            setattr(record, name, value)
        with transaction(), pytest.raises(DatabaseError, match=guard), savepoint():
            record.save(force_insert=True)


@pytest.mark.django_db
def test_what_erases_a_person_leaves_the_chain_whole(heard: Callable[..., None]) -> None:
    heard(placed(new_id(), new_id()), UserErased(occurred_at=NOON, user_id=new_id(), version=2))
    assert all(record.hash == record.digest() for record in Record.objects.all())
