"""What the queues gave up is seen in `bus_delivery`."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
import structlog

from kernel.bus import inbox, jobs
from kernel.bus.deadletters import SILENT
from kernel.bus.envelope import Envelope, to_wire
from kernel.bus.models import Delivery, OutboxEvent
from kernel.bus.subscriptions import Handler, _register, forget
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


def test_recording_twice_changes_nothing_and_leaves_the_message(probed: Aws) -> None:
    probe.ping("fail")
    [envelope] = log()
    bury(probed, to_wire(envelope))
    bury(probed, to_wire(envelope))
    record()
    before = list(Delivery.objects.values())

    record()
    bury(probed, to_wire(envelope))
    record()

    assert list(Delivery.objects.values()) == before
    assert probed.counts(DEAD) == (0, 3)


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

    assert [line for line in lines if line["event"] == "strange_dead_letter"] == [
        {"event": "strange_dead_letter", "queue": probe.QUEUE, "log_level": "error"}
    ]
    assert [state for _, _, state, _ in deliveries()] == ["DEAD"]


def test_runs_every_minute() -> None:
    [job] = [job for job in jobs.all_jobs() if job.name == "bus.record_dead_letters"]

    assert job.interval.total_seconds() == 60
