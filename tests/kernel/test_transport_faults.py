"""Real workers on real queues, with everything that can go wrong on the way."""

from __future__ import annotations

import json
import signal
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from kernel import limits
from kernel.bus import inbox, jobs
from kernel.bus.deadletters import SILENT
from kernel.bus.envelope import Envelope, to_wire
from kernel.bus.models import Delivery, InboxMark, OutboxEvent
from kernel.bus.relay import Pack, Relay, SqsCourier
from kernel.bus.tasks import deliver
from tests.aws import Aws, eventually
from tests.kernel import probe
from tests.kernel.fault_proxy import dropping, dropping_the_answer, refusing, slow, staling
from tests.kernel.processes import worker

pytestmark = pytest.mark.processes
QUEUE, DEAD = probe.QUEUE, f"{probe.QUEUE}-dlq"
BOTH_POOLS = pytest.mark.parametrize("pool", ["prefork", "threads"])
BACKOFF = list(limits.BACKOFF.values())


def send(*deeds: str) -> list[uuid.UUID]:
    """Publish a ping for each deed, each in a message of its own."""
    pings = []
    for deed in deeds:
        pings += probe.ping(deed)
        Relay(SqsCourier()).send_due(at=timezone.now())
    return pings


def is_done(*pings: uuid.UUID) -> bool:
    return set(pings) <= set(probe.effects())


def end_other_database_sessions() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@BOTH_POOLS
def test_a_worker_outlives_every_fault(pool: str, probed: Aws, tmp_path: Path) -> None:
    probed.create_queue(QUEUE, visibility=2)
    inject = probed.proxy.inject
    with worker(tmp_path, pool) as celery:
        pings = send("")
        eventually(lambda: is_done(*pings))

        for fault in (refusing(500), refusing(403), dropping, slow(2), dropping_the_answer):
            inject("ReceiveMessage", fault)
        pings += send("")
        eventually(lambda: is_done(*pings) and not probed.proxy.pending())

        for fault in (refusing(500), refusing(403), dropping):
            inject("DeleteMessageBatch", fault)
        pings += send("", "")
        eventually(lambda: is_done(*pings) and not probed.proxy.pending())

        for fault in (dropping_the_answer, staling):
            inject("DeleteMessageBatch", fault)
        pings += send("", "")
        eventually(lambda: is_done(*pings) and not probed.proxy.pending())

        end_other_database_sessions()
        pings += send("", "")
        eventually(lambda: is_done(*pings) and probed.size(QUEUE) == 0)

        assert time.time() - celery.polled_at < 5
        celery.signal(signal.SIGTERM)
        assert celery.end() == 0

    assert probe.effects() == pings
    assert (probed.size(DEAD), Delivery.objects.count()) == (0, 0)


@BOTH_POOLS
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT], ids=lambda n: n.name)
def test_a_worker_that_stops_gives_back_at_once_what_it_has_not_begun(
    number: signal.Signals, pool: str, probed: Aws, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    with worker(tmp_path, pool, concurrency=1) as celery:
        sleeper, *_ = send(f"sleep:4:{begun}", "", "", "")
        eventually(lambda: begun.exists() and probed.counts(QUEUE)[1] >= 2)  # one more waits
        time.sleep(0.5)  # until Celery, too, knows that one has begun
        celery.signal(number)
        signalled = time.monotonic()
        eventually(lambda: probed.counts(QUEUE)[0] >= 3)
        seconds_to_give_back = time.monotonic() - signalled
        celery.end()

    assert seconds_to_give_back < 3
    is_finished = number == signal.SIGTERM or pool == "threads"  # a thread cannot be stopped
    assert (probed.counts(QUEUE), probe.effects()) == (
        ((3, 0), [sleeper]) if is_finished else ((4, 0), [])
    )


@BOTH_POOLS
def test_a_worker_that_is_killed_loses_nothing(pool: str, probed: Aws, tmp_path: Path) -> None:
    probed.create_queue(QUEUE, visibility=2)
    with worker(tmp_path, pool) as celery:
        pings = send("", *["sleep:1"] * 4)
        eventually(lambda: is_done(pings[0]))
        celery.signal(signal.SIGKILL)
        celery.end()
        assert not is_done(*pings)
    held = eventually(lambda: probed.counts(QUEUE)[1])
    eventually(lambda: probed.counts(QUEUE)[0] >= held)  # the visibility time-out is over
    for pack in probed.packs(QUEUE):
        assert inbox.deliver(QUEUE, pack)

    assert probe.effects() == pings


def test_a_child_that_dies_or_takes_too_long_loses_nothing_and_stops_nobody(
    probed: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed.proxy.is_hasty = True
    monkeypatch.setitem(deliver._get_exec_options(), "time_limit", 1)  # it travels with the message
    once = tmp_path / "died-once"
    with worker(tmp_path, "prefork"):
        send("die", "sleep:60")
        pings = send(f"die:{once}", *[""] * 12)  # far more than a worker holds
        eventually(lambda: is_done(*pings) and probed.counts(DEAD) == (2, 0), seconds=60)
        eventually(lambda: probed.size(QUEUE) == 0)

    assert probe.effects() == sorted(pings)
    assert sorted(probed.proxy.delays(QUEUE)) == sorted([*BACKOFF, *BACKOFF, 5])
    assert jobs.run("bus.record_dead_letters")
    assert list(Delivery.objects.values_list("handler", "state", "error")) == [
        (probe.HANDLER, "DEAD", SILENT),
        (probe.HANDLER, "DEAD", SILENT),
    ]


def said_by_newer_code(number: int, name: str) -> dict[str, Any]:
    """Put an event that this code doesn't know into the log, and return it as it travels."""
    row = OutboxEvent.objects.order_by("sequence")[0]
    row.pk, row.event_id, row.name = None, uuid.UUID(int=number), name
    row.save(force_insert=True)
    return to_wire(Envelope.of(row))


def test_what_fails_six_times_is_dead_and_hinders_nothing(probed: Aws, tmp_path: Path) -> None:
    probed.proxy.is_hasty = True
    first, failing, last = probe.ping("", "fail", "")
    pack = [to_wire(Envelope.of(row)) for row in OutboxEvent.objects.order_by("sequence")]
    unknown_event = said_by_newer_code(1, "testing.ponged.v1")
    unknown_version = said_by_newer_code(2, "testing.pinged.v2")
    foreign = json.dumps({"Records": []})  # no message of Celery's
    SqsCourier()([Pack(QUEUE, pack), Pack(QUEUE, [unknown_event]), Pack(QUEUE, [unknown_version])])
    probed.send(QUEUE, foreign)
    with worker(tmp_path, "threads"):
        eventually(lambda: probed.counts(DEAD) == (4, 0), seconds=30)

    assert probe.effects() == [first, last]
    assert InboxMark.objects.count() == 2
    assert sorted(probed.proxy.delays(QUEUE)) == sorted(BACKOFF * 4)
    assert jobs.run("bus.record_dead_letters")
    rows = Delivery.objects.order_by("event_id")
    assert [(row.handler, row.name, row.state, row.attempts, row.error) for row in rows] == [
        ("unknown", name, "DEAD", 6, f"kernel.bus.envelope.UnknownEvent: {name}")
        for name in ("testing.ponged.v1", "testing.pinged.v2")
    ] + [(probe.HANDLER, "testing.pinged.v1", "DEAD", 6, "tests.kernel.probe.ProbeFailed")]
    assert failing not in probe.effects()
