from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.audit.models import Chain, Record
from apps.audit.queries import verifying
from kernel.ids import new_id
from tests.audit.conftest import captured, placed

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain(heard: Callable[..., None]) -> Chain:
    """A chain of five records, and another beside it that nobody touches."""
    heard(*(captured(new_id()) for _ in range(5)), placed(new_id(), new_id()))
    return Chain.objects.get(retention="money")


@contextmanager
def unguarded() -> Iterator[None]:
    """Let the owner of the table do what the trigger refuses."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


def rewrite(record: Record) -> None:
    """Store a record with a hash that fits what it now says."""
    record.hash = record.digest()
    with unguarded():
        record.save()


def said() -> str:
    """Run the command, which must fail, and return what it says of the money."""
    out = io.StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("audit", "verify", stdout=out, stderr=io.StringIO())
    assert failed.value.returncode == 1
    assert "orders-" in out.getvalue()
    [line] = [line for line in out.getvalue().splitlines() if line.startswith("money-")]
    return line


def at(chain: Chain, seq: int) -> Record:
    return Record.objects.get(chain=chain, seq=seq)


def test_a_whole_chain_holds(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "BATCH", 2)
    out, progress = io.StringIO(), io.StringIO()
    call_command("audit", "verify", chain.name, stdout=out, stderr=progress)

    assert out.getvalue().splitlines() == [f"{chain.name}: 5 records hold.", "1 chains hold."]
    assert progress.getvalue().splitlines() == [f"{chain.name}: {n} of 5" for n in (2, 4, 5)]


def test_a_changed_record_is_named(chain: Chain) -> None:
    record = at(chain, 3)
    record.payload["amount"] = 1
    with unguarded():
        record.save()

    assert said() == (
        f"{chain.name}: record 3 was changed (event {record.event_id}): its hash is another."
    )


def test_a_changed_record_with_a_new_hash_is_named(chain: Chain) -> None:
    record = at(chain, 3)
    record.payload["amount"] = 1
    rewrite(record)

    assert said().startswith(f"{chain.name}: record 3 was changed (event {record.event_id}): the")


def test_a_changed_last_record_with_a_new_hash_is_named(chain: Chain) -> None:
    record = at(chain, 5)
    record.payload["amount"] = 1
    rewrite(record)

    assert said() == (
        f"{chain.name}: record 5 was changed (event {record.event_id}):"
        " the chain's head knows another hash."
    )


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_a_removed_record_is_named(chain: Chain, seq: int) -> None:
    with unguarded():
        at(chain, seq).delete()

    assert said() == (
        f"{chain.name}: record {seq} was removed (event unknown): its place is empty."
    )


def test_a_removed_record_whose_place_was_closed_is_noticed(chain: Chain) -> None:
    with unguarded():
        at(chain, 3).delete()
        for seq in (4, 5):
            Record.objects.filter(chain=chain, seq=seq).update(seq=seq - 1)

    assert said().startswith(f"{chain.name}: record 2 was changed")


def test_a_removed_first_record_whose_place_was_closed_is_named(chain: Chain) -> None:
    with unguarded():
        at(chain, 1).delete()
        for seq in (2, 3, 4, 5):
            Record.objects.filter(chain=chain, seq=seq).update(seq=seq - 1)

    assert said().startswith(f"{chain.name}: record 1 was removed")


def insert(chain: Chain, seq: int) -> Record:
    """Put a record at this place whose own hash is right and fits the one before."""
    record = at(chain, 1)
    record.event_id, record.seq = new_id(), seq
    record.prev_hash = at(chain, seq - 1).hash
    record.hash = record.digest()
    record.save(force_insert=True)
    return record


def test_an_inserted_record_is_named(chain: Chain) -> None:
    with unguarded():
        for seq in (5, 4, 3):
            Record.objects.filter(chain=chain, seq=seq).update(seq=seq + 1)
        record = insert(chain, 3)

    assert said() == (
        f"{chain.name}: record 3 was inserted (event {record.event_id}):"
        " the record behind it knows nothing of it."
    )


def test_a_record_behind_the_head_is_named(chain: Chain) -> None:
    record = insert(chain, 6)

    assert said() == (
        f"{chain.name}: record 6 was inserted (event {record.event_id}):"
        " it lies behind the chain's head."
    )
