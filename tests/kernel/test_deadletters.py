"""What the queues gave up is seen in `bus_delivery`."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

import pytest
import structlog
from django.db import IntegrityError, connection
from django.utils import timezone
from pytest_django import Settings

from kernel.bus import inbox, jobs
from kernel.bus.deadletters import (
    NEWER,
    SILENT,
    NothingToDiscard,
    NothingToRedrive,
    discard,
    redrive,
)
from kernel.bus.envelope import Envelope, to_wire
from kernel.bus.inbox import _record_failure
from kernel.bus.models import Delivery, InboxMark, OutboxEvent
from kernel.bus.subscriptions import Handler, _register, forget
from kernel.bus.testing import newly_sent
from kernel.transactions import TransactionMissing, transaction
from tests.aws import Aws
from tests.kernel import probe

pytestmark = pytest.mark.usefixtures("probed")
DEAD = f"{probe.QUEUE}-dlq"


def log() -> list[Envelope]:
    return [Envelope.of(row) for row in OutboxEvent.objects.order_by("sequence")]


def bury(aws: Aws, *events: dict[str, Any]) -> None:
    """Put a pack into the dead-letter queue, as SQS does."""
    aws.send(DEAD, json.dumps({"body": json.dumps([[list(events)], {}, {}])}))


def record() -> None:
    assert jobs.run("bus.record_dead_letters")


def deliveries() -> list[tuple[uuid.UUID, str, str, str]]:
    rows = Delivery.objects.order_by("event_id", "handler")
    return [(row.event_id, row.handler, row.state, row.error) for row in rows]


def test_a_dead_letter_is_recorded_for_what_was_not_handled(probed: Aws) -> None:
    probe.ping("", "fail", "")
    pack = log()
    assert not inbox.deliver(probe.QUEUE, pack[:2])  # the third died before it was taken
    bury(probed, *map(to_wire, pack))

    record()

    _, failed, silent = pack
    assert deliveries() == [
        (failed.event_id, probe.HANDLER, "DEAD", "tests.kernel.probe.ProbeFailed"),
        (silent.event_id, probe.HANDLER, "DEAD", SILENT),
    ]


def test_each_handler_of_the_queue_is_recorded(probed: Aws) -> None:
    _register(Handler("kernel.second", "kernel", probe.Pinged, print))
    try:
        probe.ping("")
        [envelope] = log()
        bury(probed, to_wire(envelope))
        record()
    finally:
        forget("kernel.second")

    assert [handler for _, handler, _, _ in deliveries()] == [probe.HANDLER, "kernel.second"]


def test_what_this_code_does_not_know_is_recorded_as_unknown(probed: Aws) -> None:
    probe.ping("")
    [envelope] = log()
    bury(probed, {**to_wire(envelope), "type": "testing.pinged.v2"})

    record()

    row = Delivery.objects.get()
    assert (row.event_id, row.handler, row.name, row.state) == (
        envelope.event_id,
        "unknown",
        "testing.pinged.v2",
        "DEAD",
    )


def test_a_letter_that_is_recorded_is_deleted(probed: Aws) -> None:
    probe.ping(*[""] * 12)
    for envelope in log():
        bury(probed, to_wire(envelope))

    record()

    assert Delivery.objects.filter(state="DEAD").count() == 12
    assert probed.size(DEAD) == 0


def test_a_letter_whose_recording_failed_stays(probed: Aws) -> None:
    probe.ping("")
    bury(probed, *map(to_wire, log()))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE bus_delivery ADD CONSTRAINT closed CHECK (false) NOT VALID")

    with pytest.raises(IntegrityError):
        record()

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE bus_delivery DROP CONSTRAINT closed")
    assert (Delivery.objects.count(), probed.counts(DEAD)) == (0, (0, 1))


def test_recording_twice_changes_nothing(probed: Aws) -> None:
    probe.ping("fail")
    [envelope] = log()
    bury(probed, to_wire(envelope))
    bury(probed, to_wire(envelope))
    record()
    before = list(Delivery.objects.values())

    bury(probed, to_wire(envelope))
    record()

    assert list(Delivery.objects.values()) == before
    assert probed.size(DEAD) == 0


def test_what_was_discarded_stays_so(probed: Aws) -> None:
    probe.ping("fail")
    [envelope] = log()
    inbox.deliver(probe.QUEUE, [envelope])
    Delivery.objects.update(state="DISCARDED")
    bury(probed, to_wire(envelope))

    record()

    assert [state for _, _, state, _ in deliveries()] == ["DISCARDED"]


def test_what_was_mended_after_its_death_is_not_dead(probed: Aws) -> None:
    probe.ping("")
    [envelope] = log()
    bury(probed, to_wire(envelope))
    record()
    assert inbox.deliver(probe.QUEUE, [envelope])
    bury(probed, to_wire(envelope))

    record()

    assert [state for _, _, state, _ in deliveries()] == ["RECOVERED"]


@pytest.mark.parametrize("body", ["", "{}", '{"body": "[[\\"bus.sweep\\"], {}, {}]"}', "[1]"])
def test_what_is_no_pack_is_logged_and_left(body: str, probed: Aws) -> None:
    probed.send(DEAD, body or " ")
    probe.ping("")
    bury(probed, *map(to_wire, log()))

    with structlog.testing.capture_logs() as lines:
        record()

    assert [line for line in lines if line["event"] == "strange_dead_letters"] == [
        {
            "event": "strange_dead_letters",
            "queue": probe.QUEUE,
            "letters": 1,
            "log_level": "error",
        }
    ]
    assert [state for _, _, state, _ in deliveries()] == ["DEAD"]
    assert probed.size(DEAD) == 1


def test_a_letter_of_which_an_event_is_not_in_the_log_is_left_whole(probed: Aws) -> None:
    probe.ping("", "")
    known, gone = log()
    OutboxEvent.objects.filter(event_id=gone.event_id).delete()
    bury(probed, to_wire(known), to_wire(gone))
    probed.send(DEAD, "?")

    with structlog.testing.capture_logs() as lines:
        record()

    assert [line["letters"] for line in lines if line["event"] == "strange_dead_letters"] == [2]
    assert deliveries() == []
    assert probed.size(DEAD) == 2


def test_a_queue_that_cannot_be_read_keeps_no_other_waiting(
    probed: Aws, settings: Settings
) -> None:
    settings.QUEUES = ("absent", probe.QUEUE)
    probe.ping("")
    bury(probed, *map(to_wire, log()))

    with structlog.testing.capture_logs() as lines:
        record()

    unread = [line for line in lines if line["event"] == "dead_letters_unread"]
    assert [line["queue"] for line in unread] == ["absent"]
    assert [state for _, _, state, _ in deliveries()] == ["DEAD"]


def test_runs_every_minute() -> None:
    [job] = [job for job in jobs.all_jobs() if job.name == "bus.record_dead_letters"]

    assert job.interval.total_seconds() == 60


class TestAStaleLetter:
    """A copy that died is looked at after its event was sent again: the newer copy decides."""

    def look_at(self, aws: Aws, *, sent_again: dt.timedelta) -> list[str]:
        probe.ping("fail")
        [envelope] = log()
        inbox.deliver(probe.QUEUE, [envelope])
        bury(aws, to_wire(envelope))
        OutboxEvent.objects.update(sent_at=timezone.now() + sent_again)

        record()

        assert aws.size(DEAD) == 0
        return [state for _, _, state, _ in deliveries()]

    def test_is_only_deleted(self, probed: Aws) -> None:
        assert self.look_at(probed, sent_again=2 * NEWER) == ["FAILED"]

    def test_is_not_one_whose_clock_is_a_little_behind(self, probed: Aws) -> None:
        assert self.look_at(probed, sent_again=NEWER / 2) == ["DEAD"]


def died(*, times: int = 1) -> Envelope:
    """Let a probe fail, and be given up."""
    probe.ping("fail")
    [(_, envelope)] = newly_sent()[:1]
    for _ in range(times):
        assert not inbox.deliver(probe.QUEUE, [envelope])
    Delivery.objects.filter(event_id=envelope.event_id).update(state="DEAD")
    return envelope


def state_of(envelope: Envelope) -> tuple[str, int, bool]:
    """Return the delivery's state and attempts, and whether the event waits to be sent."""
    row = Delivery.objects.get(event_id=envelope.event_id)
    is_waiting = OutboxEvent.objects.filter(event_id=envelope.event_id, sent_at=None).exists()
    return row.state, row.attempts, is_waiting


def ids(*envelopes: Envelope) -> list[int]:
    rows = Delivery.objects.filter(event_id__in=[envelope.event_id for envelope in envelopes])
    return list(rows.values_list("pk", flat=True))


@pytest.mark.usefixtures("probed")
class TestRedrive:
    AT = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)

    def redrive(self, *envelopes: Envelope) -> int:
        with transaction():
            return redrive(delivery_ids=ids(*envelopes), at=self.AT)

    def test_sends_what_is_dead_again_and_keeps_its_attempts(self) -> None:
        chosen, other = died(times=3), died()

        assert self.redrive(chosen) == 1

        assert state_of(chosen) == ("FAILED", 3, True)
        assert Delivery.objects.get(event_id=chosen.event_id).updated_at == self.AT
        assert state_of(other) == ("DEAD", 1, False)

    def test_of_what_is_not_dead_is_refused(self) -> None:
        for state in ("FAILED", "RECOVERED", "DISCARDED"):
            envelope = died()
            Delivery.objects.filter(event_id=envelope.event_id).update(state=state)
            with pytest.raises(NothingToRedrive) as refused:
                self.redrive(envelope)

            assert refused.value.code() == "nothing_to_redrive"
            assert state_of(envelope) == (state, 1, False)

    def test_needs_a_transaction(self) -> None:
        with pytest.raises(TransactionMissing):
            redrive(delivery_ids=[1], at=self.AT)

    def test_lets_what_was_mended_recover(self) -> None:
        envelope = died()
        self.redrive(envelope)
        forget(probe.HANDLER)
        _register(Handler(probe.HANDLER, "kernel", probe.Pinged, lambda _: None))

        assert inbox.deliver(probe.QUEUE, [envelope])

        assert state_of(envelope)[0] == "RECOVERED"

    def test_lets_what_fails_again_go_through_the_back_off_to_its_death(self, probed: Aws) -> None:
        envelope = died(times=6)
        self.redrive(envelope)

        assert not inbox.deliver(probe.QUEUE, [envelope])
        assert state_of(envelope)[:2] == ("FAILED", 7)
        newly_sent()
        bury(probed, to_wire(envelope))
        record()

        assert state_of(envelope) == ("DEAD", 7, False)
        assert Delivery.objects.get().error == "tests.kernel.probe.ProbeFailed"


@pytest.mark.usefixtures("probed")
class TestDiscard:
    AT = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)

    @pytest.mark.parametrize("state", ["DEAD", "FAILED"])
    def test_gives_up_what_is_open_for_good(self, state: str, probed: Aws) -> None:
        envelope = died()
        Delivery.objects.update(state=state)
        with transaction():
            assert discard(delivery_ids=ids(envelope), at=self.AT) == 1

        assert state_of(envelope) == ("DISCARDED", 1, False)
        assert inbox.deliver(probe.QUEUE, [envelope])
        bury(probed, to_wire(envelope))
        record()
        assert state_of(envelope) == ("DISCARDED", 1, False)
        assert (probe.effects(), InboxMark.objects.count()) == ([], 0)

    @pytest.mark.parametrize("state", ["RECOVERED", "DISCARDED"])
    def test_of_what_is_settled_is_refused(self, state: str) -> None:
        envelope = died()
        Delivery.objects.update(state=state)
        with pytest.raises(NothingToDiscard) as refused, transaction():
            discard(delivery_ids=ids(envelope), at=self.AT)

        assert refused.value.code() == "nothing_to_discard"
        assert state_of(envelope)[0] == state

    def test_needs_a_transaction(self) -> None:
        with pytest.raises(TransactionMissing):
            discard(delivery_ids=[1], at=self.AT)


@pytest.mark.usefixtures("probed")
class TestAStaleCopyThatFails:
    def test_leaves_what_is_dead_dead_and_counts_the_attempt(self) -> None:
        envelope = died()

        assert not inbox.deliver(probe.QUEUE, [envelope])

        assert state_of(envelope) == ("DEAD", 2, False)

    def test_leaves_what_was_discarded_meanwhile(self) -> None:
        envelope = died()
        Delivery.objects.update(state="DISCARDED")
        before = Delivery.objects.values().get()

        _record_failure(probe.HANDLER, [envelope], ValueError())

        assert Delivery.objects.values().get() == before

    @pytest.mark.parametrize("state", ["RECOVERED", None])
    def test_changes_nothing_of_what_was_taken_meanwhile(self, state: str | None) -> None:
        envelope = died()
        InboxMark.objects.create(
            event_id=envelope.event_id, handler=probe.HANDLER, handled_at=timezone.now()
        )
        if state:
            Delivery.objects.update(state=state)
        else:
            Delivery.objects.all().delete()
        before = list(Delivery.objects.values())

        _record_failure(probe.HANDLER, [envelope], ValueError())

        assert list(Delivery.objects.values()) == before
