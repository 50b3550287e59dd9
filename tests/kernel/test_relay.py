"""From the outbox to the queues, over the SQS protocol."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from django.db import OperationalError, connection, connections
from django.utils import timezone

from kernel.bus import inbox, sqs
from kernel.bus.envelope import Envelope
from kernel.bus.event import event_class, event_names
from kernel.bus.models import OutboxEvent
from kernel.bus.relay import Encoded, Pack, Relay, Sent, SqsCourier, packs
from kernel.bus.subscriptions import Handler, _register, forget, queues_of
from kernel.tracing import Span
from tests.aws import Aws, eventually
from tests.kernel import probe
from tests.kernel.fault_proxy import dropping, losing_the_first, refusing
from tests.kernel.processes import shop_environment


class Crash(Exception):
    """The process dies here."""


def send_due() -> Sent:
    return Relay(SqsCourier()).send_due(at=timezone.now())


def sent_pings(aws: Aws) -> list[uuid.UUID]:
    return [envelope.subject for pack in aws.packs(probe.QUEUE) for envelope in pack]


def unsent() -> list[OutboxEvent]:
    return list(OutboxEvent.objects.filter(sent_at=None).order_by("sequence"))


def name_that_only_the_audit_hears() -> str:
    """Return the name of an event of the shop's own, which a real relay knows."""
    found = [cls for name in event_names() if (cls := event_class(name))]
    ours = [cls for cls in found if cls.__module__.startswith("apps.")]
    return next(cls.name for cls in ours if set(queues_of(cls)) <= {"audit"})


def make_due() -> None:
    OutboxEvent.objects.filter(sent_at=None).update(next_try_at=timezone.now())


@pytest.mark.usefixtures("probed")
class TestSending:
    def test_carries_events_in_order_with_all_that_is_known_of_them(self, probed: Aws) -> None:
        pings = probe.ping("", "", "")

        assert send_due() == Sent(rows=3)

        rows = OutboxEvent.objects.order_by("sequence")
        assert probed.packs(probe.QUEUE) == [[Envelope.of(row) for row in rows]]
        assert [row.subject for row in rows] == pings
        assert unsent() == []
        assert send_due() == Sent()

    def test_of_a_burst_takes_few_requests(self, probed: Aws) -> None:
        pings = probe.ping(*[""] * 500)

        assert send_due() == Sent(rows=500)

        # 20 packs of 25, ten in a request
        assert probed.proxy.counts(probe.QUEUE) == {"SendMessageBatch": 2}
        assert sent_pings(probed) == pings

    def test_takes_as_many_statements_for_one_event_as_for_many(
        self, django_assert_num_queries: object
    ) -> None:
        relay = Relay(SqsCourier())
        for deeds in ([""], [""] * 100):
            probe.ping(*deeds)
            with django_assert_num_queries(4):  # type: ignore[operator]  # BEGIN, lock, mark, COMMIT
                relay.send_due(at=timezone.now())

    def test_by_two_relays_sends_each_event_once(self, probed: Aws) -> None:
        pings = probe.ping(*[""] * 600)
        both_hold_their_rows = threading.Barrier(2, timeout=10)
        courier = SqsCourier()

        def wait_and_send(batch: Sequence[Pack]) -> list[Pack]:
            both_hold_their_rows.wait()
            return courier(batch)

        def run() -> None:
            try:
                sent.append(Relay(wait_and_send).send_due(at=timezone.now()).rows)
            finally:
                connections.close_all()

        sent: list[int] = []
        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sum(sent) == 600
        assert sorted(sent_pings(probed)) == pings

    def test_cut_short_before_the_commit_is_done_twice_and_takes_effect_once(
        self, probed: Aws
    ) -> None:
        pings = probe.ping("", "")
        courier = SqsCourier()

        def send_and_die(batch: Sequence[Pack]) -> list[Pack]:
            courier(batch)
            raise Crash

        with pytest.raises(Crash):
            Relay(send_and_die).send_due(at=timezone.now())
        assert len(unsent()) == 2
        send_due()

        twice = probed.packs(probe.QUEUE)
        assert [envelope.subject for pack in twice for envelope in pack] == pings * 2
        for pack in twice:
            assert inbox.deliver(probe.QUEUE, pack)
        assert probe.effects() == pings

    def test_marks_what_nobody_hears(self, probed: Aws) -> None:
        forget(probe.HANDLER)
        probe.ping("")

        send_due()

        assert unsent() == []
        assert probed.proxy.counts(probe.QUEUE) == {}
        probe.declare()

    def test_leaves_what_it_does_not_know_for_a_newer_relay(self, probed: Aws) -> None:
        probe.ping("", "")
        newer = unsent()[0]
        OutboxEvent.objects.filter(pk=newer.pk).update(name="testing.pinged.v9")

        assert send_due() == Sent(rows=1)

        assert [(row.pk, row.tries, row.set_aside) for row in unsent()] == [(newer.pk, 0, "")]

    def test_sets_aside_what_cannot_be_encoded_and_goes_on(self, probed: Aws) -> None:
        probe.ping("", padding="x" * 300_000)
        [ping] = probe.ping("")

        assert send_due() == Sent(rows=1)

        assert sent_pings(probed) == [ping]
        [row] = unsent()
        assert row.set_aside.startswith("It has 300")
        assert send_due() == Sent()


@pytest.mark.usefixtures("probed")
class TestTrouble:
    def test_with_one_queue_sends_to_all_again(self, probed: Aws) -> None:
        [ping] = probe.ping("")
        outside = Handler("kernel.away", "kernel", probe.Pinged, print, is_outside=True)
        _register(outside)
        try:
            probed.proxy.inject("SendMessageBatch", losing_the_first)
            assert send_due() == Sent(failed=1)
            make_due()
            assert send_due() == Sent(rows=1)
        finally:
            forget(outside.name)

        assert sent_pings(probed) == [ping]
        assert probed.size("kernel-outside") == 2

    def test_with_a_part_sends_that_part_again(self, probed: Aws) -> None:
        pings = probe.ping(*[""] * 50)  # two packs
        probed.proxy.inject("SendMessageBatch", losing_the_first)

        assert send_due() == Sent(rows=25, failed=25)
        assert [row.subject for row in unsent()] == pings[:25]
        make_due()
        assert send_due() == Sent(rows=25)

        assert sorted(sent_pings(probed)) == pings

    @pytest.mark.parametrize("fault", [refusing(500), refusing(403), dropping])
    def test_with_sqs_delays_ever_longer_and_sets_nothing_aside(
        self, fault: object, probed: Aws
    ) -> None:
        pings = probe.ping("", "")
        now = timezone.now()
        delays = []
        with probed.proxy.outage("SendMessageBatch", fault):  # type: ignore[arg-type]
            for _ in range(7):
                assert Relay(SqsCourier()).send_due(at=now) == Sent(failed=2)
                assert Relay(SqsCourier()).send_due(at=now) == Sent()  # not due yet
                [due, _] = [row.next_try_at or now for row in unsent()]
                delays.append((due - now).total_seconds())
                now = due

        assert delays == [1, 2, 4, 8, 16, 30, 30]
        assert [(row.tries, row.set_aside) for row in unsent()] == [(7, ""), (7, "")]
        assert Relay(SqsCourier()).send_due(at=now) == Sent(rows=2)
        assert sent_pings(probed) == pings

    def test_that_is_a_dead_network_is_met_once_for_a_queue(self, probed: Aws) -> None:
        probe.ping(*[""] * 300)  # 12 packs for each of two queues, two requests each
        with probed.proxy.outage("SendMessageBatch", dropping):
            assert send_due() == Sent(failed=300)

        assert [call.operation for call in probed.proxy.calls] == ["SendMessageBatch"] * 2

    def test_that_nobody_foresaw_leaves_everything_unsent(
        self, probed: Aws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        probe.ping("")

        def fail(part: object, errors: object) -> str:
            raise MemoryError

        monkeypatch.setattr(sqs, "_send", fail)
        with pytest.raises(MemoryError):
            send_due()

        assert len(unsent()) == 1


def end_own_session() -> str:
    """End this thread's database session, as a restart does, and return the error's name."""
    with pytest.raises(OperationalError) as caught, connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    return type(caught.value.__cause__).__name__


@contextlib.contextmanager
def running(relay: Relay) -> Iterator[None]:
    """Let the relay run beside the test."""

    def run() -> None:
        try:
            relay.run()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        relay.stop()
        thread.join()


@pytest.mark.usefixtures("probed")
class TestRunning:
    def test_outlives_the_database_and_sqs(self, probed: Aws) -> None:
        courier = SqsCourier()
        cut_off: list[str] = []

        def cut_off_once(batch: Sequence[Pack]) -> list[Pack]:
            if not cut_off:
                cut_off.append(end_own_session())
            return courier(batch)

        probed.proxy.inject("SendMessageBatch", dropping)
        pings = probe.ping("", "")
        with running(Relay(cut_off_once)):
            eventually(lambda: not unsent())

        assert cut_off == ["AdminShutdown"]
        assert set(sent_pings(probed)) == set(pings)

    def test_shows_again_and_again_that_it_lives(
        self, probed: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shown = tmp_path / "alive"
        monkeypatch.setenv("LIVENESS_FILE", str(shown))
        probed.proxy.inject("SendMessageBatch", dropping)
        probe.ping("")
        with running(Relay(SqsCourier())):
            for _ in range(3):
                eventually(shown.exists)
                shown.unlink()
            eventually(lambda: not unsent())

    @pytest.mark.processes
    def test_ends_cleanly_when_told_to(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "django", "relay"],
                env=shop_environment(),
                stdout=output,
                stderr=output,
            )
        try:
            probe.ping("")
            OutboxEvent.objects.update(name=name_that_only_the_audit_hears())
            eventually(lambda: not unsent())
            process.terminate()
            status = process.wait(10)
        finally:
            process.kill()
            process.wait()

        assert (status, log.read_text().splitlines()) == (
            0,
            ["Relay: started.", "Relay: stopped; no batch was cut short."],
        )


def encoded(sequence: int, *queues: str, size: int = 100) -> Encoded:
    return Encoded(sequence, queues, {"id": sequence}, size, Span(""))


class TestPacks:
    def test_hold_25_events_at_most(self) -> None:
        found = packs(encoded(i, "a") for i in range(60))

        assert [pack.sequences for pack in found] == [
            list(range(25)),
            list(range(25, 50)),
            list(range(50, 60)),
        ]

    def test_hold_40_kb_at_most_but_one_event_at_least(self) -> None:
        sizes = [30_000, 10_000, 1, 50_000, 1]
        found = packs(encoded(i, "a", size=size) for i, size in enumerate(sizes))

        assert [pack.sequences for pack in found] == [[0, 1], [2], [3], [4]]

    def test_go_to_each_queue_that_hears(self) -> None:
        found = packs([encoded(1, "a", "b"), encoded(2, "b"), encoded(3)])

        assert found == [
            Pack("a", [{"id": 1}], [1]),
            Pack("b", [{"id": 1}, {"id": 2}], [1, 2]),
        ]

    def test_for_the_outside_world_hold_one_event(self) -> None:
        found = packs([encoded(1, "a-outside"), encoded(2, "a-outside")])

        assert [pack.sequences for pack in found] == [[1], [2]]
