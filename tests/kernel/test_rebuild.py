"""`bus rebuild`: a replica is filled anew from the log, compared and mended, beside the traffic."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection

from kernel import limits
from kernel.bus import history, inbox, rebuild
from kernel.bus.models import InboxMark, OutboxEvent
from kernel.bus.outbox import publish
from kernel.bus.rebuild import Findings, MoreThanAReplica, Rebuild, ReplicaBusy
from kernel.bus.replicas import Replica
from kernel.bus.shadow import Counts, Difference
from kernel.bus.subscriptions import Handler
from kernel.bus.testing import envelopes
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.kernel.bell import LateWriter, Tolled, elsewhere, hearing, known, toll, tolled

pytestmark = pytest.mark.django_db(transaction=True)
A, B, C, D = sorted(new_id() for _ in range(4))
EQUAL = (0, 0, 0)


def note(event: Tolled) -> None:
    """Remember the newest toll of a bell."""
    execute(
        """
        INSERT INTO tower_bell AS known (id, version, tone) VALUES (%s, %s, %s)
        ON CONFLICT (id) DO UPDATE SET version = excluded.version, tone = excluded.tone
        WHERE known.version < excluded.version
        """,
        event.bell_id,
        event.version,
        event.tone,
    )


def execute(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def bells(query: str = "SELECT id, version, tone FROM tower_bell ORDER BY id") -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


@pytest.fixture(autouse=True)
def tower() -> Iterator[None]:
    """Make a replica, and let it be filled by the events of a log."""
    execute(
        "CREATE TABLE tower_bell (id uuid PRIMARY KEY, version int CHECK (version > 0), tone int)"
    )
    with known(), hearing("tower.note", note, replica="Bell"):
        yield
    execute("DROP TABLE tower_bell")


def replica(*handlers: Handler) -> Replica:
    """Return the replica; no model of Django's stands behind it."""
    mine = handlers or (Handler("tower.note", "tower", Tolled, note, replica="Bell"),)
    return Replica("tower.Bell", OutboxEvent, "tower_bell", "id", ("version", "tone"), mine)


def ring(bell_id: uuid.UUID, version: int, tone: int) -> Tolled:
    return tolled(bell_id=bell_id, version=version, tone=tone)


def tell(*events: Tolled) -> None:
    """Publish events, and let them be delivered."""
    log = toll(*events)
    assert inbox.deliver("tower", log)


def still(steps: int) -> None:
    """Show no progress."""


def summary(findings: Findings) -> tuple[int, int, int]:
    counts = findings.counts
    return counts.missing, counts.surplus, counts.different


class TestAnUndamagedReplica:
    def test_is_equal_to_what_the_log_tells(self) -> None:
        tell(ring(A, 1, 5), ring(A, 2, 6), ring(B, 1, 7))
        before = bells()

        findings = Rebuild(replica()).mend(still)

        assert findings == Findings(events=3, waiting=0, counts=Counts(2, 0, 0, 0), differences=[])
        assert bells() == before == [(A, 2, 6), (B, 1, 7)]

    def test_keeps_its_rows_as_they_lie(self) -> None:
        tell(ring(A, 1, 5), ring(B, 1, 6))
        execute("UPDATE tower_bell SET tone = 0 WHERE id = %s", A)
        rows = dict(bells("SELECT id, ctid::text FROM tower_bell"))

        Rebuild(replica()).mend(still)

        after = dict(bells("SELECT id, ctid::text FROM tower_bell"))
        assert (after[A] != rows[A], after[B] == rows[B]) == (True, True)


class TestADamagedReplica:
    @pytest.fixture(autouse=True)
    def damage(self) -> None:
        tell(ring(A, 1, 5), ring(B, 3, 6), ring(C, 1, 7))
        execute("DELETE FROM tower_bell WHERE id = %s", A)
        execute("UPDATE tower_bell SET version = 9, tone = NULL WHERE id = %s", B)
        execute("INSERT INTO tower_bell VALUES (%s, 1, 1)", D)

    def test_is_mended_and_every_difference_told(self) -> None:
        findings = Rebuild(replica()).mend(still)

        assert findings == Findings(
            events=3,
            waiting=0,
            counts=Counts(rows=3, missing=1, surplus=1, different=1),
            differences=[
                Difference("missing", str(A), {}, {"version": 1, "tone": 5}),
                Difference(
                    "different",
                    str(B),
                    {"version": 9, "tone": None},
                    {"version": 3, "tone": 6},
                ),
                Difference("surplus", str(D), {"version": 1, "tone": 1}, {}),
            ],
        )
        assert bells() == [(A, 1, 5), (B, 3, 6), (C, 1, 7)]

    def test_is_only_compared_in_a_dry_run(self) -> None:
        before = bells()
        findings = Rebuild(replica(), shown=1).compare(still)

        assert (summary(findings), len(findings.differences)) == ((1, 1, 1), 1)
        assert bells() == before

    def test_needs_no_more_rights_than_the_shop_has(self) -> None:
        execute("GRANT SELECT, INSERT, UPDATE, DELETE ON tower_bell TO app")
        execute("SET ROLE app")
        try:
            Rebuild(replica()).mend(still)
        finally:
            execute("RESET ROLE")

        assert bells() == [(A, 1, 5), (B, 3, 6), (C, 1, 7)]


class TestAHandlerThatDoesMore:
    @pytest.mark.parametrize(
        "more",
        [
            lambda event: publish(tolled()),
            lambda event: InboxMark.objects.all().delete(),
            lambda event: execute("UPDATE public.tower_bell SET tone = 0"),
            lambda event: execute("CREATE TABLE tower_more (id int)"),
        ],
        ids=["an event", "another table", "the replica itself", "a table"],
    )
    @pytest.mark.parametrize("work", [Rebuild.mend, Rebuild.compare], ids=["mend", "compare"])
    def test_fails_loudly_and_nothing_is_changed(
        self, work: Callable[..., Findings], more: Callable[[Tolled], None]
    ) -> None:
        def note_and_more(event: Tolled) -> None:
            note(event)
            more(event)

        tell(ring(A, 1, 5))
        execute("UPDATE tower_bell SET tone = 9")
        log, marks = envelopes(), InboxMark.objects.count()
        busybody = Handler("tower.busybody", "tower", Tolled, note_and_more, replica="Bell")

        with pytest.raises(MoreThanAReplica, match=r"^tower\.busybody writes elsewhere"):
            work(Rebuild(replica(busybody)), still)

        assert bells() == [(A, 1, 9)]
        assert (envelopes(), InboxMark.objects.count()) == (log, marks)

    def test_is_found_out_under_the_replicas_lock_as_well(self) -> None:
        def note_and_more(event: Tolled) -> None:
            note(event)
            if event.bell_id == B:
                publish(tolled())

        def one_more(steps: int) -> None:
            toll(ring(B, 1, 1))

        tell(ring(A, 1, 5))
        busybody = Handler("tower.busybody", "tower", Tolled, note_and_more, replica="Bell")

        with pytest.raises(MoreThanAReplica):
            Rebuild(replica(busybody)).mend(one_more)

        assert bells() == [(A, 1, 5)]
        assert len(envelopes()) == 2

    def test_leaves_the_session_as_it_was(self) -> None:
        tell(ring(A, 1, 5))
        Rebuild(replica()).mend(still)
        tell(ring(B, 1, 6))

        assert bells("SELECT schemaname FROM pg_tables WHERE tablename = 'tower_bell'") == [
            ("public",)
        ]
        assert bells() == [(A, 1, 5), (B, 1, 6)]


class TestEventsThatComeMeanwhile:
    def test_are_in_the_replica_and_no_difference(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(history, "BATCH", 2)
        tell(*(ring(A, version, version) for version in range(1, 6)))
        versions = iter(range(6, 13))

        def shop(steps: int) -> None:
            if version := next(versions, None):
                elsewhere(lambda: tell(ring(A, version, version), ring(new_id(), 1, 1))).join()

        findings = Rebuild(replica()).mend(shop)

        assert summary(findings) == EQUAL
        assert findings.counts.rows == len(bells())
        assert {id_: version for id_, version, _ in bells()}[A] == 12

    def test_and_are_in_the_log_but_not_yet_delivered_are_counted(self) -> None:
        tell(ring(A, 1, 5))
        toll(ring(A, 2, 6))
        findings = Rebuild(replica()).mend(still)

        assert (findings.events, findings.waiting, summary(findings)) == (2, 1, (0, 0, 1))
        assert bells() == [(A, 2, 6)]
        assert inbox.deliver("tower", envelopes())
        assert summary(Rebuild(replica()).mend(still)) == EQUAL

    @pytest.mark.parametrize("work", [Rebuild.mend, Rebuild.compare], ids=["mend", "compare"])
    def test_with_a_lower_sequence_than_what_was_read_are_not_lost(
        self, work: Callable[..., Findings]
    ) -> None:
        late = LateWriter(ring(A, 1, 5))
        tell(ring(B, 1, 6))
        # Who reads on would commit it now, behind the reader's back; who waits gets it in a moment.
        waiting = threading.Timer(0.3, late.commit)
        waiting.start()

        def deliver_all(steps: int) -> None:
            late.commit()
            elsewhere(lambda: inbox.deliver("tower", envelopes())).join()

        findings = work(Rebuild(replica()), deliver_all)
        waiting.join()

        assert (summary(findings), findings.events) == (EQUAL, 2)
        assert bells() == [(A, 1, 5), (B, 1, 6)]


class TestTheTraffic:
    def test_reads_the_replica_while_it_is_locked_and_only_its_writers_wait(self) -> None:
        seen: list[Any] = []

        def look() -> None:
            seen.extend(bells())
            execute("SET lock_timeout = '50ms'")
            with pytest.raises(OperationalError, match="lock timeout"):
                execute("UPDATE tower_bell SET tone = 0")
            seen.append("waited")

        def note_and_look(event: Tolled) -> None:
            note(event)
            if event.bell_id == B:  # the last one is heard with the replica locked
                elsewhere(look).join()

        tell(ring(A, 1, 5))
        lookout = Handler("tower.lookout", "tower", Tolled, note_and_look, replica="Bell")
        Rebuild(replica(lookout)).mend(lambda steps: toll(ring(B, 1, 6)) and None)

        assert seen == [(A, 1, 5), "waited"]
        assert bells() == [(A, 1, 5), (B, 1, 6)]

    def test_keeps_the_replica_if_it_leaves_no_gap(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "REPLICA_LOCK_SECONDS", 0.05)
        monkeypatch.setattr(limits, "REPLICA_LOCK_TRIES", 2)
        monkeypatch.setattr(rebuild, "PAUSE_SECONDS", 0)
        tell(ring(A, 1, 5))
        execute("UPDATE tower_bell SET tone = 9")
        has_begun, may_end = threading.Event(), threading.Event()

        def write() -> None:
            with transaction():
                execute("UPDATE tower_bell SET version = version")
                has_begun.set()
                assert may_end.wait(10)

        writer = elsewhere(write)
        assert has_begun.wait(10)
        try:
            with pytest.raises(ReplicaBusy, match="left no gap"):
                Rebuild(replica()).mend(still)
            assert summary(Rebuild(replica()).compare(still)) == (0, 0, 1)
        finally:
            may_end.set()
            writer.join()

        assert bells() == [(A, 1, 9)]
