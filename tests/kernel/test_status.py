"""`bus status`: what waits where, for how long, and what has failed."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from pytest_django import Settings

from kernel.bus.models import Delivery, InboxMark, OutboxEvent, Subscription
from kernel.bus.testing import envelopes
from tests.aws import FOREIGN_QUEUES, QUEUES, Aws
from tests.kernel import probe

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
pytestmark = pytest.mark.usefixtures("watched")


@pytest.fixture
def watched(probed: Aws) -> None:
    """Let the watchdog have looked at everything up to now."""
    Subscription.objects.update(since=NOW - dt.timedelta(days=1))
    Subscription.objects.create(handler=probe.HANDLER, since=NOW - 90 * MINUTE, checked_to=0)


def ping(*ages: int, **fields: Any) -> None:
    """Publish a ping of each age in minutes; sent at once."""
    probe.ping(*[""] * len(ages))
    for envelope, minutes in zip(envelopes()[-len(ages) :], ages, strict=True):
        at = NOW - minutes * MINUTE
        values = {"recorded_at": at, "sent_at": at, **fields}
        OutboxEvent.objects.filter(event_id=envelope.event_id).update(**values)
        InboxMark.objects.create(
            event_id=envelope.event_id, handler="audit.record_events", handled_at=at
        )


def failed(handler: str, state: str, error: str = "", *, minutes: int = 1) -> None:
    """Let the handler have failed the next event of the log."""
    event = OutboxEvent.objects.order_by("sequence")[Delivery.objects.count()]
    Delivery.objects.create(
        event_id=event.event_id,
        handler=handler,
        name=event.name,
        state=state,
        error=error,
        first_failed_at=NOW,
        updated_at=NOW - minutes * MINUTE,
    )


def status(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    with time_machine.travel(NOW, tick=False):
        call_command("bus", "status", *arguments)
    return capsys.readouterr().out


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(status(capsys, "--json"))


def queue(told: Any, name: str = probe.QUEUE) -> dict[str, Any]:
    [found] = [queue for queue in told["queues"] if queue["queue"] == name]
    return dict(found)


class TestQueues:
    def test_show_what_waits_and_what_is_in_flight(self, probed: Aws, capsys: Any) -> None:
        for _ in range(3):
            probed.send(probe.QUEUE, "{}")
        probed.client.receive_message(QueueUrl=f"{probed.url_prefix}{probe.QUEUE}")
        probed.send(f"{probe.QUEUE}-dlq", "{}")

        told = document(capsys)

        assert told["sqs_error"] is None
        assert [each["queue"] for each in told["queues"]] == [*QUEUES, *FOREIGN_QUEUES]
        assert queue(told) == {
            "queue": probe.QUEUE,
            "waiting": 2,
            "in_flight": 1,
            "oldest_seconds": None,
            "dead": 0,
            "letters": 1,
        }

    def test_show_for_how_long_the_oldest_event_has_not_been_taken(self, capsys: Any) -> None:
        ping(50, 40, 30, 20, 10)
        for state in ("DEAD", "DISCARDED"):
            failed(probe.HANDLER, state)
        taken = OutboxEvent.objects.order_by("sequence")[2]
        InboxMark.objects.create(event_id=taken.event_id, handler=probe.HANDLER, handled_at=NOW)

        assert queue(document(capsys))["oldest_seconds"] == 20 * 60

    def test_leave_out_what_is_unsent_or_older_than_the_window_or_history(
        self, capsys: Any
    ) -> None:
        ping(30, sent_at=None)
        ping(70)
        assert queue(document(capsys))["oldest_seconds"] is None

        ping(25)
        Subscription.objects.filter(pk=probe.HANDLER).update(since=NOW - 20 * MINUTE)
        assert queue(document(capsys))["oldest_seconds"] is None

    def test_count_the_dead_of_their_handlers(self, capsys: Any) -> None:
        ping(1, 1, 1)
        failed(probe.HANDLER, "DEAD")
        failed(probe.HANDLER, "FAILED")
        failed("audit.record_events", "DEAD")

        told = document(capsys)

        assert [queue(told, name)["dead"] for name in ("kernel", "audit", "bus")] == [1, 1, 0]

    def test_are_shown_without_numbers_if_sqs_does_not_answer(
        self, settings: Settings, capsys: Any
    ) -> None:
        ping(10)
        settings.AWS_ENDPOINT_URL = "http://127.0.0.1:1"

        told = document(capsys)

        assert "Could not connect" in told["sqs_error"]
        assert queue(told) == {
            "queue": probe.QUEUE,
            "waiting": None,
            "in_flight": None,
            "oldest_seconds": 600,
            "dead": 0,
            "letters": None,
        }
        assert "SQS did not answer in full" in status(capsys)

    def test_of_which_one_is_missing_are_shown_all_the_same(
        self, settings: Settings, capsys: Any
    ) -> None:
        settings.QUEUES = ("absent", probe.QUEUE)

        told = document(capsys)

        assert told["sqs_error"].startswith("absent-dlq: ")
        assert [queue(told, name)["waiting"] for name in settings.QUEUES] == [None, 0]


def test_the_outbox_shows_what_is_unsent_and_set_aside(capsys: Any) -> None:
    assert document(capsys)["outbox"] == {"unsent": 0, "oldest_seconds": None, "set_aside": 0}

    ping(7, 3, sent_at=None)
    ping(90, sent_at=None, set_aside="Too large.")

    assert document(capsys)["outbox"] == {"unsent": 2, "oldest_seconds": 420, "set_aside": 1}
    text = status(capsys)
    assert "Outbox: 2 unsent, the oldest for 7 min." in text
    assert "1 set aside" in text


def test_failures_are_counted_by_handler_with_the_last_error(capsys: Any) -> None:
    ping(*[1] * 5)
    failed("b.one", "DEAD", "Old.", minutes=5)
    failed("b.one", "FAILED", "New.", minutes=4)
    failed("b.one", "RECOVERED", "Newest.", minutes=3)
    failed("a.two", "FAILED", "[red]", minutes=2)
    failed("a.two", "DISCARDED")

    assert document(capsys)["failures"] == [
        {
            "handler": "a.two",
            "failed": 1,
            "dead": 0,
            "last_at": "2026-03-01T11:58:00+00:00",
            "last_error": "[red]",
        },
        {
            "handler": "b.one",
            "failed": 1,
            "dead": 1,
            "last_at": "2026-03-01T11:56:00+00:00",
            "last_error": "New.",
        },
    ]
    assert "[red]" in status(capsys)  # a person sees it, too


class TestTheWatchdog:
    def test_is_up_to_date_if_all_that_is_old_was_looked_at(self, capsys: Any) -> None:
        ping(59)

        assert document(capsys)["watchdog"] == {
            "lag_seconds": 0,
            "handler": None,
            "unsubscribed": [],
        }
        assert "Watchdog: up to date." in status(capsys)

    def test_is_behind_at_its_slowest_handler(self, capsys: Any) -> None:
        ping(65)
        Subscription.objects.exclude(pk=probe.HANDLER).update(checked_to=1_000_000_000)

        assert document(capsys)["watchdog"] == {
            "lag_seconds": 300,
            "handler": probe.HANDLER,
            "unsubscribed": [],
        }
        assert f"Watchdog: 5 min behind, at {probe.HANDLER}." in status(capsys)

    def test_names_who_is_not_watched(self, capsys: Any) -> None:
        Subscription.objects.filter(pk=probe.HANDLER).delete()

        assert document(capsys)["watchdog"]["unsubscribed"] == [probe.HANDLER]
        assert f"has run: {probe.HANDLER}" in status(capsys)


def test_a_shop_at_rest_is_told_in_few_words(capsys: Any) -> None:
    lines = status(capsys).splitlines()

    assert [line for line in lines if line and line[0] not in "┏┃┡│└"] == [
        "Queues",
        "Outbox: all is sent.",
        "Failures: none.",
        "Watchdog: up to date.",
    ]
