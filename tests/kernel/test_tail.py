"""`bus tail`: the log as it grows, whatever the order in which its rows commit."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from kernel.bus import context, history
from kernel.bus.envelope import Envelope
from kernel.bus.history import Follower, Selection
from kernel.bus.models import OutboxEvent
from kernel.bus.testing import envelopes
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.kernel.bell import NOON, LateWriter, echo, known, toll, tolled

pytestmark = pytest.mark.django_db
ALL = Selection()


@pytest.fixture(autouse=True)
def bell() -> Iterator[None]:
    with known():
        yield


def tones(rows: list[OutboxEvent]) -> list[int]:
    return [row.payload["tone"] for row in rows]


def read_all(follower: Follower, selection: Selection = ALL) -> list[int]:
    found: list[int] = []
    while rows := follower.read(selection):
        found += tones(rows)
    return found


@pytest.mark.django_db(transaction=True)
class TestAFollower:
    def test_reads_what_commits_behind_a_higher_sequence_once(self) -> None:
        toll(tolled(tone=1))
        follower = Follower.from_now()
        late = LateWriter(tolled(tone=2), tolled(tone=3))
        toll(tolled(tone=4))
        assert [read_all(follower) for _ in range(3)] == [[4], [], []]

        late.commit()
        assert [read_all(follower) for _ in range(3)] == [[2, 3], [], []]

    def test_reads_what_was_open_when_it_began(self) -> None:
        late = LateWriter(tolled(tone=1))
        toll(tolled(tone=2))
        follower = Follower.from_now()
        assert read_all(follower) == []

        late.commit()
        toll(tolled(tone=3))
        assert read_all(follower) == [1, 3]

    def test_waits_for_each_of_several_writers(self) -> None:
        follower = Follower.from_now()
        first = LateWriter(tolled(tone=1))
        toll(tolled(tone=2))
        second = LateWriter(tolled(tone=3))
        toll(tolled(tone=4))
        assert read_all(follower) == [2, 4]
        first.commit()
        assert read_all(follower) == [1]
        toll(tolled(tone=5))
        assert read_all(follower) == [5]
        second.commit()
        assert read_all(follower) == [3]

    def test_forgets_what_can_not_change_any_more(self) -> None:
        follower = Follower.from_now()
        with pytest.raises(ZeroDivisionError), transaction():
            echo(tolled())
            raise ZeroDivisionError
        for tone in range(5):
            toll(tolled(tone=tone))
            assert read_all(follower) == [tone]
        read_all(follower)

        assert follower._seen == set()
        assert follower._final == history.newest()

    def test_reads_a_burst_in_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(history, "BATCH", 4)
        follower = Follower.from_now()
        toll(*(tolled(tone=tone) for tone in range(11)))

        assert [tones(follower.read(ALL)) for _ in range(4)] == [
            [0, 1, 2, 3],
            [4, 5, 6, 7],
            [8, 9, 10],
            [],
        ]

    def test_reads_what_is_selected(self) -> None:
        bell_id = new_id()
        follower = Follower.from_now()
        toll(tolled(tone=1), tolled(tone=2, bell_id=bell_id))

        assert read_all(follower, Selection(subject=bell_id)) == [2]


def tail(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    call_command("bus", "tail", "--no-follow", "--json", *arguments)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


class TestTheCommand:
    @pytest.fixture
    def log(self) -> list[Envelope]:
        with transaction():
            echo(tolled(tone=0))
        log = toll(*(tolled(tone=tone, order_id=new_id()) for tone in range(1, 4)))
        for hour, envelope in enumerate(envelopes()):
            at = NOON + dt.timedelta(hours=hour)
            OutboxEvent.objects.filter(event_id=envelope.event_id).update(recorded_at=at)
        return log

    def test_shows_what_was_asked_for(self, capsys: Any, log: list[Envelope]) -> None:
        asked: dict[tuple[str, ...], list[int]] = {
            (): [0, 1, 2, 3],
            ("-n", "2"): [2, 3],
            ("--since", "2026-03-01T13:00:00Z"): [1, 2, 3],
            ("--module", "tower"): [0, 1, 2, 3],
            ("--module", "towe"): [],
            ("--type", "tower.echo*"): [0],
            ("--type", "tower.?olled.v1", "-n", "1"): [3],
            ("--type", "tower"): [],
            ("--subject", str(log[1].subject)): [2],
            ("--order", str(log[0].order_id)): [1],
            ("--order", str(log[0].order_id), "--type", "*.echoed.*"): [],
        }
        for arguments, expected in asked.items():
            shown = tail(capsys, *arguments, "--payload")
            assert [row["payload"]["tone"] for row in shown] == expected, arguments

    def test_tells_machines_all_but_the_payload(self, capsys: Any) -> None:
        cause = context.Context("customer:1", "request-1", new_id())
        with context.acting(cause):
            (envelope,) = toll(tolled())
        (shown,) = tail(capsys)

        row = OutboxEvent.objects.get()
        assert shown == {
            "sequence": row.sequence,
            "event_id": str(envelope.event_id),
            "name": "tower.tolled.v1",
            "subject": str(envelope.subject),
            "order_id": None,
            "occurred_at": "2026-03-01T12:00:00+00:00",
            "recorded_at": row.recorded_at.isoformat(),
            "sent_at": None,
            "set_aside": None,
            "actor": "customer:1",
            "correlation_id": "request-1",
            "causation_id": str(cause.causation_id),
        }

    def test_shows_personal_fields_as_sealed(self, capsys: Any) -> None:
        person = new_id()
        toll(tolled(ringer_id=person, ringer="Ann Archer"))
        (shown,) = tail(capsys, "--payload")
        call_command("bus", "tail", "--no-follow", "--payload")

        assert (shown["payload"]["ringer"], shown["payload"]["tone"]) == ("(sealed)", 1)
        said = capsys.readouterr().out
        assert ('"ringer": "(sealed)"' in said, "$sealed" in said) == (True, False)

    def test_says_a_line_for_each_event_to_a_person(self, capsys: Any) -> None:
        order = new_id()
        with context.acting(context.Context("staff:[bold]", "request-1")):
            (envelope,) = toll(tolled(order_id=order))
        OutboxEvent.objects.update(recorded_at=NOON, sent_at=NOON + dt.timedelta(milliseconds=42))
        call_command("bus", "tail", "--no-follow")

        assert capsys.readouterr().out.split() == [
            "12:00:00.000",
            "tower.tolled.v1",
            "order",
            order.hex[-8:],
            "staff:[bold]",
            "0.042",
            "s",
            envelope.event_id.hex[-8:],
        ]

    def test_follows_until_it_is_stopped_and_says_nothing_of_that(
        self, capsys: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pauses = iter([lambda: toll(tolled(tone=2)), lambda: toll(tolled(tone=3))])

        def pause(seconds: float) -> None:
            happen = next(pauses, None)
            if happen is None:
                raise KeyboardInterrupt
            happen()

        toll(tolled(tone=1))
        monkeypatch.setattr(time, "sleep", pause)
        call_command("bus", "tail", "--json", "--payload")

        told = capsys.readouterr()
        assert [json.loads(line)["payload"]["tone"] for line in told.out.splitlines()] == [1, 2, 3]
        assert told.err == ""

    def test_wants_an_id_that_is_one(self) -> None:
        with pytest.raises(CommandError, match="argument --order: invalid UUID value: '7KQ2'"):
            call_command("bus", "tail", "--order", "7KQ2")
