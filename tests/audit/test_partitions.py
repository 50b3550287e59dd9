"""Each chain is a table of its own, which only grows until its time is over."""

from __future__ import annotations

import datetime as dt
import io
import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections
from django.utils import timezone

from apps.audit import jobs, usecases
from apps.audit.models import GENESIS, Chain, Record, Retention, kept_until
from kernel.bus import inbox
from kernel.bus.testing import envelopes
from kernel.ids import new_id
from kernel.transactions import savepoint, transaction
from tests.audit.conftest import NOON, captured, partitions, placed, tell

LONG_AGO = dt.datetime(2001, 5, 20, tzinfo=dt.UTC)
HASH = "5" * 64


def record_all(at: dt.datetime) -> None:
    with transaction():
        usecases.record_events(envelopes=envelopes(), at=at)


def connect_as_app() -> psycopg.Connection:
    asked = connection.get_connection_params()
    parts = {name: asked[name] for name in ("dbname", "host", "port") if asked.get(name)}
    return psycopg.connect(**parts, user="app", autocommit=True)


@pytest.fixture
def only_these_partitions(transactional_db: None) -> Iterator[None]:
    """Begin without a partition that some test left, and leave none: nothing rolls them back."""
    _drop_partitions()
    yield
    _drop_partitions()


def _drop_partitions() -> None:
    with connection.cursor() as cursor:
        for name in partitions():
            cursor.execute(f"DROP TABLE {name}")


@pytest.fixture
def as_app(only_these_partitions: None) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE app")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")


@pytest.mark.parametrize(
    ("retention", "month", "until"),
    [
        ("money", dt.date(2026, 3, 1), dt.date(2036, 4, 1)),
        ("orders", dt.date(2026, 12, 1), dt.date(2037, 1, 1)),
        ("accounts", dt.date(2026, 11, 1), dt.date(2028, 12, 1)),
        ("catalogue", dt.date(2026, 12, 1), dt.date(2029, 1, 1)),
    ],
)
def test_the_years_are_counted_from_the_end_of_the_month(
    retention: str, month: dt.date, until: dt.date
) -> None:
    assert kept_until(retention, month) == until


@pytest.mark.django_db
def test_a_month_begins_with_a_partition_for_each_class_that_has_a_record() -> None:
    tell(captured(new_id()), placed(new_id(), new_id()))
    record_all(LONG_AGO)

    assert set(partitions()) >= {"audit_record_money_2001_05", "audit_record_orders_2001_05"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM audit_record_money_2001_05")
        assert cursor.fetchall() == [("payment.payment_captured.v1",)]


def test_the_first_packs_of_a_month_make_its_chains_together(only_these_partitions: None) -> None:
    """Both find none: whoever comes second must wait, not fail, and none waits in a circle."""
    classes, months = sorted(Retention), 12
    barrier, failures = threading.Barrier(len(classes), timeout=60), []

    def begin_months(mine: set[str]) -> None:
        for number in range(months):
            barrier.wait()
            try:
                with transaction():
                    chains = Chain.lock(mine, month=dt.date(2030, number + 1, 1))
                    for chain in chains.values():
                        chain.last_seq, chain.last_hash = chain.last_seq + 1, HASH
                    Chain.move_heads(chains.values())
            except DatabaseError as error:
                failures.append(error)
        connections.close_all()

    # Each meets the next one in one class, and the last one meets the first.
    pairs = [set(pair) for pair in itertools.pairwise([*classes, classes[0]])]
    threads = [threading.Thread(target=begin_months, args=(pair,)) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert set(Chain.objects.values_list("last_seq", flat=True)) == {2}
    wanted = {f"audit_record_{each}_2030_{n + 1:02}" for each in classes for n in range(months)}
    assert set(partitions()) >= wanted


@pytest.mark.django_db
def test_an_event_of_last_month_is_recorded_once_even_past_its_mark() -> None:
    tell(captured(new_id()))
    record_all(NOON)  # an earlier month than that of the event: a clock may be late
    later = dt.datetime(2126, 1, 1, tzinfo=dt.UTC)
    with pytest.raises(usecases.AlreadyRecorded):
        record_all(later)
    with transaction(), pytest.raises(DatabaseError, match="event_id"), savepoint():
        usecases.record_events(envelopes=envelopes(), at=NOON)

    assert Record.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_record SET outcome = 'ok'",
        "DELETE FROM audit_record",
        "TRUNCATE audit_record",
        "UPDATE audit_record_money_2001_05 SET outcome = 'ok'",
        "DELETE FROM audit_record_money_2001_05",
        "TRUNCATE audit_record_money_2001_05",
    ],
)
def test_nobody_touches_a_record(statement: str) -> None:
    tell(captured(new_id()))
    record_all(LONG_AGO)
    with transaction(), connection.cursor() as cursor:
        with pytest.raises(DatabaseError, match="append-only"), savepoint():
            cursor.execute(statement)
        assert Record.objects.count() == 1


def test_the_role_app_records_and_can_do_nothing_else(as_app: None) -> None:
    tell(captured(new_id()))
    assert inbox.deliver("audit", envelopes())  # the first of its month: it makes the partition
    [partition] = [name for name in partitions() if name.startswith("audit_record_money")]

    forbidden = [
        "UPDATE {} SET outcome = 'ok'",
        "DELETE FROM {}",
        "TRUNCATE {}",
        "DROP TABLE {}",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
    ]
    statements = [
        *(each.format(table) for each in forbidden for table in ("audit_record", partition)),
        f"INSERT INTO {partition} SELECT * FROM audit_record",
        f"ALTER TABLE audit_record DETACH PARTITION {partition}",
        "DELETE FROM audit_chain",
        "TRUNCATE audit_chain",
        "UPDATE audit_chain SET kept_until = '2001-01-01'",
        "UPDATE audit_chain SET dropped_at = now()",
        "SET session_replication_role = replica",
    ]
    with connect_as_app() as app:
        for statement in statements:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(statement)
        for change in ("last_seq = 0", f"last_hash = '{HASH}'"):
            with pytest.raises(psycopg.errors.RestrictViolation, match="only moves on"):
                app.execute(f"UPDATE audit_chain SET {change}")
        kept = app.execute("SELECT audit_drop_chain(name) FROM audit_chain").fetchall()

    assert kept == [(False,)]
    assert Record.objects.count() == 1


def dropped(*arguments: str) -> list[str]:
    out = io.StringIO()
    call_command("audit", "drop-expired", *arguments, stdout=out)
    return out.getvalue().splitlines()


def verified() -> list[str]:
    out = io.StringIO()
    call_command("audit", "verify", stdout=out, stderr=io.StringIO())
    return out.getvalue().splitlines()


@pytest.fixture
def old_and_new(db: None) -> None:
    """A month whose time is over, and the one that runs."""
    tell(captured(new_id()), captured(new_id()))
    record_all(LONG_AGO)
    tell(placed(new_id(), new_id()))
    with transaction():
        usecases.record_events(envelopes=envelopes()[-1:], at=timezone.now())


def test_what_is_old_enough_is_dropped_and_leaves_its_head(old_and_new: None) -> None:
    old = Chain.objects.values("last_seq", "last_hash").get(retention="money")
    assert dropped("--dry-run") == ["money-2001-05 would be dropped."]
    assert Record.objects.count() == 3

    assert dropped() == ["money-2001-05 was dropped."]

    today = timezone.now().date()
    assert Chain.objects.values("last_seq", "last_hash").get(retention="money") == old
    assert list(Record.objects.values_list("name", flat=True)) == ["orders.order_placed.v1"]
    assert "audit_record_money_2001_05" not in partitions()
    assert verified() == [
        f"money-2001-05: its 2 records were dropped on {today}.",
        f"orders-{today:%Y-%m}: 1 records hold.",
        "2 chains hold.",
    ]
    assert dropped() == []


def test_the_job_drops_what_is_old_enough(old_and_new: None) -> None:
    jobs.drop_expired()
    assert [chain.name for chain in Chain.objects.exclude(dropped_at=None)] == ["money-2001-05"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "record 1 was removed (event unknown): its place is empty."),
        (
            {"dropped_at": NOON, "month": dt.date(2025, 5, 1)},
            "record 1 was removed (event unknown): the chain was dropped before its time.",
        ),
    ],
)
@pytest.mark.django_db
def test_a_partition_that_went_before_its_time_is_noticed(
    changes: dict[str, Any], said: str
) -> None:
    tell(captured(new_id()))
    record_all(LONG_AGO)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("DROP TABLE audit_record_money_2001_05")
    Chain.objects.update(**changes)
    out = io.StringIO()
    with pytest.raises(CommandError, match="Broken: money-2001-05"):
        call_command("audit", "verify", stdout=out, stderr=io.StringIO())
    assert out.getvalue().splitlines() == [f"money-2001-05: {said}"]


@pytest.mark.django_db
def test_a_chain_that_only_says_that_it_was_dropped_is_noticed(
    heard: Callable[..., None],
) -> None:
    heard(captured(new_id()))
    Chain.objects.update(dropped_at=NOON)
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("audit", "verify", stdout=out, stderr=io.StringIO())
    assert "the chain's head says that it was dropped" in out.getvalue()


@pytest.mark.django_db
def test_a_chain_begins_at_the_same_hash_as_all(heard: Callable[..., None]) -> None:
    heard(captured(new_id()), placed(new_id(), new_id()))
    assert set(Record.objects.values_list("prev_hash", flat=True)) == {GENESIS}
