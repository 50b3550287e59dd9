"""`bus dead`: look at what handlers have given up; let them try again, or discard it."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command

from kernel.bus.console import dead
from kernel.bus.envelope import Envelope
from kernel.bus.models import Delivery, OutboxEvent
from kernel.ids import new_id
from tests.kernel.bell import NOON, Tolled, hearing, known, toll, tolled

pytestmark = pytest.mark.django_db
NAME = "tower.note"
LATER = NOON + dt.timedelta(hours=2)


@pytest.fixture(autouse=True)
def bell() -> Iterator[None]:
    with known(), hearing(NAME, print):
        yield


def died(state: str = "DEAD", *, handler: str = NAME, **fields: Any) -> Delivery:
    """Let a handler have given up an event, or what the state says."""
    envelope: Envelope = toll(tolled(order_id=new_id(), **fields))[-1]
    OutboxEvent.objects.update(sent_at=NOON)
    return Delivery.objects.create(
        event_id=envelope.event_id,
        order_id=envelope.order_id,
        handler=handler,
        name=envelope.name,
        state=state,
        attempts=6,
        error="builtins.ValueError",
        traceback='  File "app.py", line 1\n',
        first_failed_at=NOON,
        updated_at=NOON,
    )


def bus(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    with time_machine.travel(LATER, tick=False):
        call_command("bus", "dead", *map(str, arguments))
    return capsys.readouterr().out


def document(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    return json.loads(bus(capsys, *arguments, "--json"))


def listed(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[int]:
    return [row["id"] for row in document(capsys, "list", *arguments)["deliveries"]]


def states(*rows: Delivery) -> list[str]:
    found = Delivery.objects.in_bulk([row.pk for row in rows])
    return [found[row.pk].state for row in rows]


class TestList:
    def test_shows_what_is_dead_the_newest_first(self, capsys: Any) -> None:
        first, second = died(), died()
        for state in ("RECOVERED", "DISCARDED", "FAILED"):
            died(state)

        told = document(capsys, "list")

        assert [row["id"] for row in told["deliveries"]] == [second.pk, first.pk]
        assert told["deliveries"][1] == {
            "id": first.pk,
            "handler": NAME,
            "name": Tolled.name,
            "event_id": str(first.event_id),
            "order_id": str(first.order_id),
            "state": "DEAD",
            "attempts": 6,
            "error": "builtins.ValueError",
            "first_failed_at": "2026-03-01T12:00:00+00:00",
            "updated_at": "2026-03-01T12:00:00+00:00",
        }
        assert told["more"] == 0

    def test_shows_what_is_still_tried_if_asked(self, capsys: Any) -> None:
        gone, failing = died(), died("FAILED")

        assert listed(capsys, "--failed") == [failing.pk, gone.pk]

    def test_is_filtered(self, capsys: Any) -> None:
        wanted, _other = died(), died(handler="tower.other")
        Delivery.objects.exclude(pk=wanted.pk).update(name="tower.other.v1")

        assert listed(capsys, "--handler", NAME) == [wanted.pk]
        assert listed(capsys, "--event", wanted.event_id) == [wanted.pk]
        assert listed(capsys, "--order", wanted.order_id) == [wanted.pk]
        assert listed(capsys, "--name", Tolled.name) == [wanted.pk]
        assert listed(capsys, "--name", Tolled.name, "--handler", "tower.other") == []

    def test_comes_by_pages_and_says_how_many_more(self, capsys: Any) -> None:
        rows = [died().pk for _ in range(5)]

        assert listed(capsys, "--limit", 2) == [rows[4], rows[3]]
        assert listed(capsys, "--limit", 2, "--before", rows[3]) == [rows[2], rows[1]]
        assert document(capsys, "list", "--limit", 2, "--before", rows[3])["more"] == 1
        assert f"3 more: --before {rows[3]}" in bus(capsys, "list", "--limit", 2)
        assert "more" not in bus(capsys, "list", "--limit", 5)

    def test_is_a_table_for_people(self, capsys: Any) -> None:
        assert bus(capsys, "list") == "Dead deliveries: none.\n"

        row = died()
        text = bus(capsys, "list")
        assert f" {row.pk} │ 2 h " in text  # a short id is padded
        assert str(row.order_id)[-8:] in text

    def test_is_json_wherever_that_is_asked(self, capsys: Any) -> None:
        assert json.loads(bus(capsys, "--json", "list")) == {"deliveries": [], "more": 0}


class TestShow:
    def test_tells_all_of_a_delivery_and_its_event(self, capsys: Any) -> None:
        row = died(ringer_id=uuid.UUID(int=7), ringer="Ann Archer", tone=3)

        told = document(capsys, "show", row.pk)

        assert told["traceback"] == '  File "app.py", line 1\n'
        assert told["event"]["event_id"] == str(row.event_id)
        assert told["event"]["payload"] == {
            "bell_id": told["event"]["subject"],
            "version": 1,
            "tone": 3,
            "order_id": str(row.order_id),
            "ringer_id": str(uuid.UUID(int=7)),
            "ringer": "(sealed)",
        }
        text = bus(capsys, "show", row.pk)
        assert 'File "app.py", line 1' in text
        assert '"ringer": "(sealed)"' in text

    def test_of_no_delivery_is_refused(self) -> None:
        with pytest.raises(CommandError, match="There is no delivery 0"):
            call_command("bus", "dead", "show", "0")


class TestRedrive:
    def test_lets_what_is_chosen_try_again(self, capsys: Any) -> None:
        chosen, other = died(), died(handler="tower.other")

        told = document(capsys, "redrive", "--handler", NAME)

        assert told == {"chosen": 1, "redriven": 1, "dry_run": False}
        assert states(chosen, other) == ["FAILED", "DEAD"]
        [waiting] = OutboxEvent.objects.filter(sent_at=None)
        assert waiting.event_id == chosen.event_id
        assert Delivery.objects.get(pk=chosen.pk).updated_at == LATER

    def test_takes_numbers(self, capsys: Any) -> None:
        first, second, third = died(), died(), died()

        bus(capsys, "redrive", first.pk, third.pk)

        assert states(first, second, third) == ["FAILED", "DEAD", "FAILED"]

    def test_wants_to_be_told_which(self, capsys: Any) -> None:
        row = died()
        with pytest.raises(CommandError, match="--all"):
            bus(capsys, "redrive")
        assert states(row) == ["DEAD"]

        bus(capsys, "redrive", "--all")
        assert states(row) == ["FAILED"]

    def test_says_what_it_does_and_how_many_that_are(self, capsys: Any) -> None:
        for _ in range(2):
            died()

        text = bus(capsys, "redrive", "--all")

        assert "To be redriven" in text
        assert "│ 2 │ DEAD  │ tower.note" in text
        assert text.endswith("2 of 2 redriven.\n")

    def test_does_nothing_in_a_dry_run(self, capsys: Any) -> None:
        row = died()

        assert document(capsys, "redrive", "--all", "--dry-run") == {
            "chosen": 1,
            "redriven": 0,
            "dry_run": True,
        }
        assert "1 would be redriven; nothing was done" in bus(
            capsys, "redrive", "--all", "--dry-run"
        )
        assert states(row) == ["DEAD"]

    def test_of_nothing_fails(self, capsys: Any) -> None:
        row = died("FAILED")
        with pytest.raises(CommandError, match="there is nothing to do"):
            bus(capsys, "redrive", row.pk)

    def test_goes_batch_by_batch(self, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dead, "BATCH", 2)
        rows = [died() for _ in range(5)]

        assert document(capsys, "redrive", "--all")["redriven"] == 5
        assert states(*rows) == ["FAILED"] * 5


class TestDiscard:
    def test_gives_up_what_is_dead_for_good(self, capsys: Any) -> None:
        chosen, failing = died(), died("FAILED")

        told = document(capsys, "discard", "--all")

        assert told == {"chosen": 1, "discarded": 1, "dry_run": False}
        assert states(chosen, failing) == ["DISCARDED", "FAILED"]
        assert not OutboxEvent.objects.filter(sent_at=None).exists()

    def test_gives_up_what_is_still_tried_if_asked(self, capsys: Any) -> None:
        failing, other = died("FAILED"), died("FAILED")

        bus(capsys, "discard", failing.pk, "--failed")

        assert states(failing, other) == ["DISCARDED", "FAILED"]
