"""Old events leave the log, and their marks with them; nothing that may still be needed does."""

from __future__ import annotations

import datetime as dt
import json
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
import time_machine
from django.core.management import CommandError, call_command
from pydantic import ValidationError
from pytest_django import Settings

from ecommerce.environment import Environment
from kernel import limits
from kernel.bus import jobs, pruning
from kernel.bus.envelope import Envelope
from kernel.bus.models import Delivery, InboxMark, OutboxEvent, Subscription
from kernel.bus.outbox import send_again
from kernel.bus.pruning import GOES, NEWEST, OPEN, SENT_LATELY, UNSENT, YOUNG, LogInUse, TooYoung
from kernel.ids import new_id
from kernel.transactions import TransactionMissing, transaction
from tests.kernel.bell import NOON, elsewhere, hearing, known, toll, tolled

pytestmark = pytest.mark.django_db
NAME = "tower.note"
DAY = dt.timedelta(days=1)
LATER = NOON + 100 * DAY
OLD = LATER - 90 * DAY  # older than what the tests keep


@pytest.fixture(autouse=True)
def bell(settings: Settings) -> Iterator[None]:
    """Let a handler hear, and the watchdog have looked at everything; keep 60 days."""
    settings.LOG_RETENTION = 60 * DAY
    Subscription.objects.update(checked_to=1_000_000_000)
    with known(), hearing(NAME, print):
        Subscription.objects.create(handler=NAME, since=NOON, checked_to=1_000_000_000)
        yield


def rang(*events: Any, **fields: Any) -> list[Envelope]:
    """Let old events be in the log, with a mark each."""
    events = events or (tolled(),)
    log = toll(*events)[-len(events) :]
    values = {"recorded_at": OLD, "sent_at": OLD, **fields}
    OutboxEvent.objects.filter(event_id__in=ids(log)).update(**values)
    for envelope in log:
        InboxMark.objects.create(event_id=envelope.event_id, handler=NAME, handled_at=OLD)
    return log


def ids(log: list[Envelope]) -> list[uuid.UUID]:
    return [envelope.event_id for envelope in log]


def delivered(envelope: Envelope, state: str) -> None:
    Delivery.objects.create(
        event_id=envelope.event_id,
        handler=NAME,
        name=envelope.name,
        state=state,
        first_failed_at=OLD,
        updated_at=OLD,
    )


def prune() -> dict[str, int]:
    """Prune, and return how many events met which fate."""
    with time_machine.travel(LATER, tick=False):
        found = list(pruning.spans(pruning.prune_span, before=LATER - 60 * DAY, at=LATER))
    return {fate: n for span in found for fate, n in span.fates.items() if n}


def left() -> list[uuid.UUID]:
    """Return the events that are left, of which each has its mark, and no mark has none."""
    events = list(OutboxEvent.objects.order_by("sequence").values_list("event_id", flat=True))
    marks = set(InboxMark.objects.values_list("event_id", flat=True))
    assert marks == set(events)
    return events


class TestGoes:
    def test_what_is_old_with_its_mark(self) -> None:
        rang()
        [young] = rang(recorded_at=LATER)

        assert prune() == {GOES: 1}
        assert left() == [young.event_id]

    @pytest.mark.parametrize("state", ["RECOVERED", "DISCARDED"])
    def test_what_is_settled_with_its_delivery(self, state: str) -> None:
        [envelope] = rang()
        delivered(envelope, state)

        assert prune() == {GOES: 1}
        assert (left(), Delivery.objects.count()) == ([], 0)

    def test_what_a_replica_was_told_before(self) -> None:
        bell_id, name = new_id(), "products.product_created.v1"
        older, newer, other = rang(tolled(bell_id=bell_id), tolled(bell_id=bell_id), tolled())
        OutboxEvent.objects.filter(event_id__in=ids([older, newer, other])).update(name=name)

        assert prune() == {GOES: 1, NEWEST: 2}
        assert left() == ids([newer, other])


class TestStays:
    @pytest.mark.parametrize("state", ["FAILED", "DEAD"])
    def test_what_has_an_open_delivery(self, state: str) -> None:
        [envelope] = rang()
        delivered(envelope, state)

        assert prune() == {OPEN: 1}
        assert left() == [envelope.event_id]

    @pytest.mark.parametrize("fields", [{}, {"set_aside": "Too large."}])
    def test_what_is_not_sent(self, fields: dict[str, str]) -> None:
        log = rang(sent_at=None, **fields)

        assert prune() == {UNSENT: 1}
        assert left() == ids(log)

    def test_what_was_sent_again_lately_since_a_copy_needs_its_mark(self) -> None:
        copy_may_come = rang(sent_at=LATER - limits.LOG_DAYS * DAY)
        rang(sent_at=LATER - limits.LOG_DAYS * DAY - DAY / 24)

        assert prune() == {SENT_LATELY: 1, GOES: 1}
        assert left() == ids(copy_may_come)

    def test_what_the_watchdog_has_not_looked_at(self) -> None:
        first, second = rang(tolled(), tolled())
        Subscription.objects.filter(pk=NAME).update(checked_to=first.sequence)

        assert prune() == {GOES: 1}
        assert left() == [second.event_id]

    def test_what_is_young_in_between(self) -> None:
        rang()
        young = rang(recorded_at=LATER - 60 * DAY)
        rang()
        found = pruning._fates(0, young[0].sequence + 1, LATER - 60 * DAY, LATER)

        assert [fate for _, _, fate in found] == [GOES, YOUNG, GOES]


def test_a_log_is_kept_for_as_long_as_a_copy_may_come() -> None:
    rang()
    with pytest.raises(TooYoung, match="at least 35 days"):
        list(pruning.spans(pruning.prune_span, before=LATER - 34 * DAY, at=LATER))

    assert len(left()) == 1


def test_goes_span_by_span(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "SPAN", 2)
    rang(*(tolled() for _ in range(5)))
    found = list(pruning.spans(pruning.prune_span, before=LATER - 60 * DAY, at=LATER))

    assert [span.fates[GOES] for span in found] == [2, 2, 1]
    assert left() == []


def test_a_span_needs_a_transaction() -> None:
    for look in (pruning.prune_span, pruning.count_span):
        with pytest.raises(TransactionMissing):
            look(after=0, end=1, before=OLD, at=LATER)


@pytest.mark.django_db(transaction=True)
class TestBesideOthers:
    def test_nothing_goes_while_a_replay_sets_marks(self) -> None:
        log = rang()
        is_kept, may_end = threading.Event(), threading.Event()

        def replay() -> None:
            with pruning.kept():
                is_kept.set()
                assert may_end.wait(10)

        thread = elsewhere(replay)
        assert is_kept.wait(10)
        with pytest.raises(LogInUse):
            prune()
        with time_machine.travel(LATER, tick=False), pytest.raises(CommandError, match="replay"):
            call_command("bus", "prune")
        assert left() == ids(log)

        may_end.set()
        thread.join(10)
        assert prune() == {GOES: 1}

    def test_what_is_sent_again_in_this_moment_stays_with_its_mark(self) -> None:
        log = rang()
        has_sent, may_end = threading.Event(), threading.Event()

        def send() -> None:
            with transaction():
                send_again(event_ids=ids(log))
                has_sent.set()
                assert may_end.wait(10)

        thread = elsewhere(send)
        assert has_sent.wait(10)
        pruner = elsewhere(prune)
        pruner.join(0.3)
        assert pruner.is_alive()  # it waits for the row
        may_end.set()
        thread.join(10)
        pruner.join(10)

        assert left() == ids(log)


class TestJob:
    def run(self) -> list[dict[str, Any]]:
        with structlog.testing.capture_logs() as lines, time_machine.travel(LATER, tick=False):
            assert jobs.run("bus.prune_log")
        return lines

    def test_prunes_what_is_older_than_the_setting(self) -> None:
        rang()

        assert self.run() == [{"event": "log_pruned", "events": 1, "log_level": "info"}]
        assert left() == []

    def test_leaves_all_if_the_setting_says_for_ever(self, settings: Settings) -> None:
        settings.LOG_RETENTION = dt.timedelta(0)
        rang()

        assert self.run() == []
        assert len(left()) == 1

    def test_goes_on_in_its_next_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pruning, "SPAN", 1)
        monkeypatch.setattr(limits, "PACK_SECONDS", -1)
        rang(tolled(), tolled())

        self.run()
        assert len(left()) == 1
        self.run()
        assert left() == []

    def test_runs_each_hour(self) -> None:
        [job] = [job for job in jobs.all_jobs() if job.name == "bus.prune_log"]

        assert job.interval == dt.timedelta(hours=1)


@pytest.mark.parametrize(("days", "is_good"), [(0, True), (34, False), (35, True)])
def test_the_setting_keeps_at_least_what_may_come_again(days: int, is_good: bool) -> None:
    if is_good:
        assert Environment(log_retention_days=days).log_retention_days == days  # type: ignore[call-arg]
    else:
        with pytest.raises(ValidationError, match="at least 35"):
            Environment(log_retention_days=days)  # type: ignore[call-arg]


class TestCommand:
    def prune(self, *arguments: str) -> None:
        with time_machine.travel(LATER, tick=False):
            call_command("bus", "prune", *arguments)

    def document(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
        self.prune("--json", *arguments)
        return json.loads(capsys.readouterr().out)

    def test_says_what_goes_and_why_the_rest_stays(self, capsys: Any) -> None:
        rang(tolled(), tolled())
        [dead] = rang()
        delivered(dead, "DEAD")

        self.prune()

        assert capsys.readouterr().out.splitlines() == [
            "2 events from before 2026-04-10 12:00 UTC have gone, with their marks.",
            "1 that were looked at stay: 1 failed or dead.",
        ]
        assert left() == [dead.event_id]

    def test_only_counts_in_a_dry_run(self, capsys: Any) -> None:
        rang(tolled(), tolled())

        told = self.document(capsys, "--dry-run")

        assert told == {
            "before": "2026-04-10T12:00:00+00:00",
            "dry_run": True,
            "gone": 2,
            "stays": {},
        }
        assert len(left()) == 2

    def test_keeps_the_days_that_it_is_told(self, capsys: Any) -> None:
        rang()

        assert self.document(capsys, "--days", "91")["gone"] == 0
        assert self.document(capsys, "--days", "35")["gone"] == 1

    def test_refuses_fewer_days_than_a_copy_may_live(self) -> None:
        rang()
        with pytest.raises(CommandError, match="at least 35"):
            self.prune("--days", "34")

        assert len(left()) == 1

    def test_wants_days_if_the_setting_keeps_all(self, settings: Settings) -> None:
        settings.LOG_RETENTION = dt.timedelta(0)

        with pytest.raises(CommandError, match="--days"):
            self.prune()
