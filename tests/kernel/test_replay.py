"""`bus replay`: one handler hears the log again."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from kernel.bus import context, history, inbox
from kernel.bus.envelope import Envelope
from kernel.bus.models import Delivery, InboxMark, OutboxEvent
from kernel.bus.outbox import publish
from kernel.bus.replay import MOST_FAILURES
from kernel.bus.testing import envelopes
from kernel.ids import new_id
from tests.kernel.bell import NOON, Tolled, echo, echoes, hearing, known, toll, tolled

pytestmark = pytest.mark.django_db
LONG_AGO = "2000-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def bell() -> Iterator[None]:
    with known():
        yield


class Heard(list[int]):
    """What a handler heard, by tone; it fails on the tones that it is told to."""

    def __init__(self, *bad: int) -> None:
        super().__init__()
        self.bad = set(bad)

    def note(self, event: Tolled) -> None:
        echo(event)
        self.append(event.tone)
        if event.tone in self.bad:
            raise ValueError(event.tone)


def tones(*values: int) -> list[Envelope]:
    return toll(*(tolled(tone=value) for value in values))


def replay(*more: str, handler: str = "tower.note", since: str = LONG_AGO) -> None:
    call_command("bus", "replay", "--handler", handler, "--since", since, "--json", *more)


def counted(capsys: pytest.CaptureFixture[str], *more: str, **asked: str) -> dict[str, int]:
    """Replay, and return every count that isn't 0."""
    capsys.readouterr()
    try:
        replay(*more, **asked)
    finally:
        told = json.loads(capsys.readouterr().out)
    return {name: n for name, n in told.items() if isinstance(n, int) and n and name != "dry_run"}


def deliver(log: list[Envelope], queue: str = "tower") -> None:
    inbox.deliver(queue, log)


class TestANewHandler:
    def test_hears_history_in_the_logs_order_each_event_once(self, capsys: Any) -> None:
        heard = Heard()
        log = tones(1, 2, 3)
        with hearing("tower.note", heard.note):
            assert counted(capsys) == {"seen": 3, "run": 3}
            assert counted(capsys) == {"seen": 3, "taken": 3}

        assert (heard, echoes()) == ([1, 2, 3], [1, 2, 3])
        assert set(InboxMark.objects.values_list("event_id", "handler")) == {
            (envelope.event_id, "tower.note") for envelope in log
        }

    def test_hears_a_log_of_many_batches_whole_and_not_what_it_says_itself(
        self, capsys: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(history, "BATCH", 3)
        heard: list[int] = []

        def note_and_toll(event: Tolled) -> None:
            heard.append(event.tone)
            publish(tolled(tone=100))

        tones(*range(11))
        OutboxEvent.objects.filter(payload__tone__in=[2, 3, 4, 5, 9]).delete()
        with hearing("tower.note", note_and_toll):
            assert counted(capsys) == {"seen": 6, "run": 6}

        assert heard == [0, 1, 6, 7, 8, 10]

    def test_acts_as_it_does_when_events_come_by_its_queue(self, capsys: Any) -> None:
        causes: list[context.Context] = []
        with context.acting(context.Context("customer:1", "request-1")):
            (envelope,) = toll(tolled())
        with hearing("tower.note", lambda event: causes.append(context.current())):
            counted(capsys)
            counted(capsys, "--force")

        expected = context.Context("tower.note", "request-1", envelope.event_id, "")
        assert causes == [expected, expected]


class TestSelecting:
    def test_takes_what_was_recorded_in_the_time_of_the_subject_and_order(
        self, capsys: Any
    ) -> None:
        order, bell_id = new_id(), new_id()
        log = toll(
            tolled(tone=1, bell_id=bell_id),
            tolled(tone=2, order_id=order),
            tolled(tone=3, order_id=order, bell_id=bell_id),
            tolled(tone=4),
        )
        for minute, envelope in enumerate(log):
            at = NOON + dt.timedelta(minutes=minute)
            OutboxEvent.objects.filter(event_id=envelope.event_id).update(recorded_at=at)
        asked: dict[tuple[str, ...], list[int]] = {
            ("--since", "2026-03-01T12:01:00Z"): [2, 3, 4],
            ("--since", "2026-03-01T13:02:00+01:00", "--until", "2026-03-01T12:03:00Z"): [3],
            ("--until", "2026-03-01T12:02:00Z"): [1, 2],
            ("--subject", str(bell_id)): [1, 3],
            ("--order", str(order)): [2, 3],
            ("--order", str(order), "--subject", str(bell_id)): [3],
            ("--order", str(new_id())): [],
        }
        heard: list[int] = []
        with hearing("tower.note", lambda event: heard.append(event.tone), replica="Bell"):
            for arguments, expected in asked.items():
                heard.clear()
                counted(capsys, *arguments)
                assert heard == expected, arguments

    @pytest.mark.parametrize("at", [*range(-1, 9), 3.5])
    def test_finds_a_time_by_halving_a_log_with_gaps(self, at: float) -> None:
        log = tones(*range(12))
        OutboxEvent.objects.filter(payload__tone__in=[0, 4, 5, 6]).delete()
        left = [envelope for envelope in log if envelope.payload["tone"] not in (0, 4, 5, 6)]
        for hour, envelope in enumerate(left):
            time = NOON + dt.timedelta(hours=hour)
            OutboxEvent.objects.filter(event_id=envelope.event_id).update(recorded_at=time)
        wanted = NOON + dt.timedelta(hours=at)
        before = [e.sequence for hour, e in enumerate(left) if hour < at]

        assert history.last_before(wanted) == (before[-1] if before else 0)


class TestWhatWasTaken:
    def test_is_run_again_by_a_replica_past_its_mark_which_stays(self, capsys: Any) -> None:
        heard: list[int] = []
        log = tones(1, 2)
        with hearing("tower.note", lambda event: heard.append(event.tone), replica="Bell"):
            deliver(log[:1])
            marked_at = InboxMark.objects.get().handled_at
            assert counted(capsys) == {"seen": 2, "run": 1, "again": 1}

        assert heard == [1, 1, 2]
        assert InboxMark.objects.get(event_id=log[0].event_id).handled_at == marked_at
        assert InboxMark.objects.count() == 2

    def test_is_left_alone_by_any_other_handler_and_told_what_force_means(
        self, capsys: Any
    ) -> None:
        heard = Heard()
        log = tones(1, 2)
        with hearing("tower.note", heard.note):
            deliver(log[:1])
            call_command("bus", "replay", "--handler", "tower.note", "--since", LONG_AGO)

        assert (heard, echoes()) == ([1, 2], [1, 2])
        assert capsys.readouterr().out.splitlines()[-1] == (
            "1 left alone: tower.note has taken them, and does more than fill a replica. With"
            " --force their effect happens a second time: a second refund, a second mail, a"
            " second record."
        )

    def test_takes_effect_a_second_time_if_forced(self, capsys: Any) -> None:
        heard = Heard()
        log = tones(1)
        with hearing("tower.note", heard.note):
            deliver(log)
            assert counted(capsys, "--force") == {"seen": 1, "again": 1}

        assert (heard, echoes()) == ([1, 1], [1, 1])


class TestAFailure:
    def test_is_recorded_as_the_inbox_does_and_the_rest_goes_on(self, capsys: Any) -> None:
        heard = Heard(2)
        log = tones(1, 2, 3)
        with hearing("tower.note", heard.note):
            with pytest.raises(CommandError, match=r"^1 failed: nothing of these stays\.$"):
                counted(capsys)
            assert echoes() == [1, 3]
            failure = Delivery.objects.get()
            assert (failure.event_id, failure.handler, failure.state) == (
                log[1].event_id,
                "tower.note",
                "FAILED",
            )
            heard.bad.clear()
            assert counted(capsys) == {"seen": 3, "run": 1, "taken": 2}

        assert Delivery.objects.get().state == Delivery.State.RECOVERED
        assert echoes() == [1, 3, 2]

    def test_of_what_was_taken_before_leaves_its_mark_and_nothing_else(self, capsys: Any) -> None:
        heard = Heard()
        log = tones(1, 2)
        with hearing("tower.note", heard.note):
            deliver(log)
            heard.bad.add(1)
            with pytest.raises(CommandError, match="1 failed"):
                replay("--force")

        told = json.loads(capsys.readouterr().out)
        assert told["failures"] == [
            {
                "event_id": str(log[0].event_id),
                "name": Tolled.name,
                "error": "builtins.ValueError",
            }
        ]
        assert echoes() == [1, 2, 2]
        assert (InboxMark.objects.count(), Delivery.objects.count()) == (2, 0)

    def test_stops_the_replay_if_asked_to(self, capsys: Any) -> None:
        heard = Heard(2)
        tones(1, 2, 3)
        with (
            hearing("tower.note", heard.note),
            pytest.raises(CommandError, match="1 failed"),
        ):
            replay("--stop-on-error")

        assert heard == [1, 2]
        told = json.loads(capsys.readouterr().out)
        assert (told["seen"], told["run"], told["failed"]) == (2, 1, 1)

    def test_is_told_one_by_one_only_so_often(self, capsys: Any) -> None:
        many = range(MOST_FAILURES + 5)
        tones(*many)
        with hearing("tower.note", Heard(*many).note), pytest.raises(CommandError):
            replay()

        told = json.loads(capsys.readouterr().out)
        assert (told["failed"], len(told["failures"])) == (len(many), MOST_FAILURES)


class TestWhatWasDiscarded:
    @pytest.fixture
    def log(self) -> list[Envelope]:
        log = tones(1, 2)
        Delivery.objects.create(
            event_id=log[0].event_id,
            handler="tower.note",
            name=Tolled.name,
            state=Delivery.State.DISCARDED,
            first_failed_at=NOON,
            updated_at=NOON,
        )
        return log

    @pytest.mark.parametrize("how", [{}, {"replica": "Bell"}], ids=["any", "replica"])
    def test_stays_so(self, capsys: Any, log: list[Envelope], how: dict[str, str]) -> None:
        heard: list[int] = []
        with hearing("tower.note", lambda event: heard.append(event.tone), **how):
            assert counted(capsys) == {"seen": 2, "run": 1, "discarded": 1}

        assert heard == [2]
        assert Delivery.objects.get().state == Delivery.State.DISCARDED

    def test_is_taken_if_forced(self, capsys: Any, log: list[Envelope]) -> None:
        heard = Heard()
        with hearing("tower.note", heard.note):
            assert counted(capsys, "--force") == {"seen": 2, "run": 2}

        assert heard == [1, 2]
        assert Delivery.objects.get().state == Delivery.State.RECOVERED


class TestADryRun:
    def test_counts_what_would_be_done_and_does_nothing(self, capsys: Any) -> None:
        heard = Heard()
        log = tones(1, 2, 3)
        with hearing("tower.note", heard.note):
            deliver(log[:1])
            assert counted(capsys, "--dry-run") == {"seen": 3, "run": 2, "taken": 1}
            assert counted(capsys, "--dry-run", "--force") == {"seen": 3, "run": 2, "again": 1}

        assert (heard, echoes(), InboxMark.objects.count()) == ([1], [1], 1)


class TestAnOutsideHandler:
    def test_calls_out_and_answers_in_the_same_way_with_a_mark_and_past_it(
        self, capsys: Any
    ) -> None:
        calls: list[int] = []

        def call(event: Tolled, answered: inbox.Answered) -> None:
            calls.append(event.tone)
            with answered():
                echo(event)

        tones(1)
        with hearing("tower.call", call, is_outside=True):
            assert counted(capsys, handler="tower.call") == {"seen": 1, "run": 1}
            assert counted(capsys, handler="tower.call") == {"seen": 1, "taken": 1}
            assert counted(capsys, "--force", handler="tower.call") == {"seen": 1, "again": 1}

        assert (calls, echoes()) == ([1, 1], [1, 1])
        assert InboxMark.objects.count() == 1


class TestAPackHandler:
    def test_hears_whole_batches(self, capsys: Any) -> None:
        heard: list[list[int]] = []

        def listen(pack: list[Envelope]) -> None:
            heard.append([envelope.payload["tone"] for envelope in pack])

        log = tones(1, 2, 3, 4)
        with hearing("tower.note", listen, is_pack=True):
            deliver(log[1:2])
            assert counted(capsys) == {"seen": 4, "run": 3, "taken": 1}
            assert counted(capsys, "--force") == {"seen": 4, "again": 4}

        assert heard == [[2], [1], [3, 4], [1, 2, 3, 4]]

    def test_that_fails_has_failed_on_the_whole_batch(self, capsys: Any) -> None:
        def listen(pack: list[Envelope]) -> None:
            publish(tolled())
            raise ZeroDivisionError

        tones(1, 2)
        with hearing("tower.note", listen, is_pack=True), pytest.raises(CommandError):
            counted(capsys)

        assert len(envelopes()) == 2
        assert (Delivery.objects.count(), InboxMark.objects.count()) == (2, 0)


class TestWhatIsAsked:
    @pytest.mark.parametrize("text", ["yesterday", "2026-03-01T12:00:00", "2026-13-01T12:00:00Z"])
    def test_for_a_time_must_be_one_with_a_zone(self, text: str) -> None:
        with hearing("tower.note", print), pytest.raises(CommandError) as refused:
            replay(since=text)

        assert str(refused.value) == (
            f"Error: argument --since: {text!r} is no time with a zone (ISO 8601), such as"
            " 2026-03-01T12:00:00Z."
        )

    def test_for_a_handler_must_be_one_and_near_ones_are_named(self) -> None:
        with hearing("tower.note", print), pytest.raises(CommandError) as refused:
            replay(handler="tower.noet")

        assert str(refused.value) == (
            "Error: argument --handler: no handler is called 'tower.noet'. Did you mean tower.note?"
        )


@pytest.mark.parametrize("how", [{"is_outside": True}, {"is_pack": True}])
def test_a_replica_is_filled_event_by_event_in_a_transaction(how: dict[str, bool]) -> None:
    with (
        pytest.raises(TypeError, match=r"tower\.note: a replica is filled by one event"),
        hearing("tower.note", print, replica="Bell", **how),
    ):
        pass
