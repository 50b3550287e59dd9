"""Anchors: what the heads were on a day, kept where nobody can change it."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import orjson
import pytest
import time_machine
from botocore.exceptions import ClientError
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from apps.audit import gateway, jobs
from apps.audit.gateway import AnchorStore, FakeAnchorStore, S3AnchorStore
from apps.audit.models import GENESIS, Chain, Record
from kernel.bus import queues
from kernel.ids import new_id
from tests.audit.conftest import captured, placed
from tests.aws import emulator

__all__ = ["emulator"]
DAY = dt.date(2026, 3, 1)
TOMORROW = DAY + dt.timedelta(days=1)
LATER = dt.datetime(2126, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def s3(emulator: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give the test buckets of its own, made as `create_queues` makes them."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, os.environ.get(name, "local"))
    with override_settings(AWS_ENDPOINT_URL=emulator, AUDIT_BUCKET=f"audit-{new_id()}"):
        queues.create_buckets()
        yield boto3.client("s3", endpoint_url=emulator, region_name="eu-north-1")


@pytest.fixture(params=["S3", "fake"])
def store(request: pytest.FixtureRequest) -> AnchorStore:
    if request.param == "fake":
        return FakeAnchorStore()
    request.getfixturevalue("s3")
    return S3AnchorStore()


def test_a_day_keeps_its_first_anchor(store: AnchorStore) -> None:
    assert (store.newest(), list(store.all())) == (None, [])
    for day, content in ((TOMORROW, b"2"), (DAY, b"1"), (DAY, b"another")):
        store.store(day=day, content=content, kept_until=LATER)

    assert list(store.all()) == [(DAY, b"1"), (TOMORROW, b"2")]
    assert store.newest() == (TOMORROW, b"2")


def test_an_anchor_can_be_neither_deleted_nor_hidden(s3: Any, settings: Any) -> None:
    store, bucket = S3AnchorStore(), settings.AUDIT_BUCKET
    store.store(day=DAY, content=b"1", kept_until=LATER)
    key = "anchors/2026-03-01.json"
    [version] = s3.list_object_versions(Bucket=bucket)["Versions"]
    kept = s3.head_object(Bucket=bucket, Key=key)
    assert (kept["ObjectLockMode"], kept["ObjectLockRetainUntilDate"]) == ("COMPLIANCE", LATER)
    with pytest.raises(ClientError, match="object lock"):
        s3.delete_object(
            Bucket=bucket,
            Key=key,
            VersionId=version["VersionId"],
            BypassGovernanceRetention=True,
        )

    s3.put_object(Bucket=bucket, Key=key, Body=b"another on top of it")
    s3.delete_object(Bucket=bucket, Key=key)  # without a version: a mark that hides it

    assert list(store.all()) == [(DAY, b"1")]


@pytest.fixture
def anchored(heard: Callable[..., None]) -> Iterator[FakeAnchorStore]:
    """Two days: after the first the chain of money has three records, after the second five."""
    store = FakeAnchorStore()
    with gateway.installed(store):
        for day, count in ((1, 3), (2, 2)):
            with time_machine.travel(dt.datetime(2026, 3, day, 23, tzinfo=dt.UTC), tick=False):
                heard(*(captured(new_id()) for _ in range(count)))
                jobs.anchor_heads()
        yield store


def verified() -> str:
    out = io.StringIO()
    call_command("audit", "verify", "--anchors", stdout=out, stderr=io.StringIO())
    return out.getvalue()


def refused() -> list[str]:
    out = io.StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("audit", "verify", "--anchors", stdout=out, stderr=io.StringIO())
    assert failed.value.returncode == 1
    return out.getvalue().splitlines()


def rewrite(seq: int, **changes: Any) -> Record:
    """Change a record, and all hashes that follow, and the head: the chain by itself holds."""
    chain = Chain.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for record in Record.objects.filter(seq__gte=seq).order_by("seq"):
            if record.seq == seq:
                record.payload.update(changes)
            before = Record.objects.filter(seq=record.seq - 1).first()
            record.prev_hash = before.hash if before else GENESIS
            record.hash = record.digest()
            record.save()
            chain.last_seq, chain.last_hash = record.seq, record.hash
        Chain.move_heads([chain])
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    call_command("audit", "verify", stdout=io.StringIO(), stderr=io.StringIO())  # nothing is seen
    return Record.objects.get(seq=seq)


@pytest.mark.django_db
def test_chains_that_are_as_they_were_hold(anchored: FakeAnchorStore) -> None:
    assert verified().splitlines() == [
        "money-2026-03: 5 records hold.",
        "2 anchors, the newest of 2026-03-02.",
        "1 chains hold.",
    ]


@pytest.mark.django_db
def test_an_anchor_names_the_heads_and_the_anchor_before(anchored: FakeAnchorStore) -> None:
    first, second = (text for _, text in anchored.all())
    head = Chain.objects.get()
    assert orjson.loads(second) == {
        "made_at": "2026-03-02T23:00:00+00:00",
        "previous": {"day": "2026-03-01", "sha256": hashlib.sha256(first).hexdigest()},
        "heads": {"money-2026-03": {"seq": 5, "hash": head.last_hash}},
    }
    assert orjson.loads(first)["previous"] is None


@pytest.mark.django_db
def test_a_day_is_anchored_once(anchored: FakeAnchorStore, heard: Callable[..., None]) -> None:
    before = dict(anchored.contents)
    with time_machine.travel(dt.datetime(2026, 3, 2, 23, 59, tzinfo=dt.UTC), tick=False):
        heard(captured(new_id()))
        jobs.anchor_heads()
    assert anchored.contents == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("seq", "named", "detail"),
    [
        (2, 3, "the anchor of 2026-03-01 knows another; up to record 0 they agree."),
        (4, 5, "the anchor of 2026-03-02 knows another; up to record 3 they agree."),
    ],
)
def test_a_chain_that_was_written_anew_is_found_by_anchors_alone(
    anchored: FakeAnchorStore, seq: int, named: int, detail: str
) -> None:
    rewrite(seq, amount=1)
    event_id = Record.objects.get(seq=named).event_id

    assert refused()[-1] == (
        f"money-2026-03: record {named} was changed (event {event_id}): {detail}"
    )


@pytest.mark.django_db
def test_a_tail_that_was_cut_off_with_its_head_is_found(anchored: FakeAnchorStore) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM audit_record WHERE seq > 3")
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    rewrite(3)

    assert refused()[-1] == (
        "money-2026-03: record 4 was removed (event unknown):"
        " the anchor of 2026-03-02 knows 5 records."
    )


@pytest.mark.django_db
def test_a_chain_that_is_gone_is_found(anchored: FakeAnchorStore) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("DELETE FROM audit_chain")
        cursor.execute("DROP TABLE audit_record_money_2026_03")

    assert refused()[-1] == (
        "money-2026-03: record 1 was removed (event unknown):"
        " an anchor knows the chain, which is gone."
    )


@pytest.mark.django_db
def test_the_head_of_a_chain_that_was_dropped_is_held_against_anchors_too(
    anchored: FakeAnchorStore,
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("UPDATE audit_chain SET kept_until = '2026-03-03'")
        cursor.execute("SELECT audit_drop_chain('money-2026-03')")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE audit_chain SET dropped_at = '2036-04-01'")  # its time was over
    assert "5 records were dropped on 2036-04-01" in verified()

    Chain.objects.update(last_hash=GENESIS)
    assert "the anchor of 2026-03-02 knows another" in refused()[-1]


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["removed", "changed"])
def test_an_anchor_that_does_not_fit_the_one_before_is_named(
    anchored: FakeAnchorStore, change: str
) -> None:
    if change == "removed":
        del anchored.contents[DAY]
    else:
        anchored.contents[DAY] += b" "
    with pytest.raises(CommandError, match="The anchor of 2026-03-02 doesn't name the anchor"):
        verified()


@pytest.mark.django_db
def test_the_command_anchors_at_once(s3: Any, heard: Callable[..., None]) -> None:
    heard(captured(new_id()), placed(new_id(), new_id()))
    with time_machine.travel(dt.datetime(2026, 3, 2, tzinfo=dt.UTC)):
        out = io.StringIO()
        call_command("audit", "anchor", stdout=out)

    assert out.getvalue() == "The newest anchor is of 2026-03-02.\n"
    assert "1 anchors, the newest of 2026-03-02." in verified()
