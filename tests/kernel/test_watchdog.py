"""What a handler should have heard long ago, and hasn't, is sent again."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import structlog
import time_machine
from django.core.management import call_command
from django.utils import timezone

from kernel.bus import inbox, jobs, watchdog
from kernel.bus.deadletters import redrive
from kernel.bus.envelope import Envelope
from kernel.bus.event import Event
from kernel.bus.history import newest
from kernel.bus.models import Delivery, InboxMark, OutboxEvent, Subscription
from kernel.bus.subscriptions import Handler, hearers_of
from kernel.bus.watchdog import LOST, UNSENDABLE, Looked
from kernel.transactions import TransactionMissing, transaction
from tests.kernel.bell import NOON, Echoed, Tolled, elsewhere, hearing, known, toll, tolled

pytestmark = pytest.mark.django_db
NAME = "tower.note"
SECOND, MINUTE, HOUR = dt.timedelta(seconds=1), dt.timedelta(minutes=1), dt.timedelta(hours=1)
LATER = NOON + HOUR + SECOND  # what was sent at noon has been unheard for too long


@pytest.fixture(autouse=True)
def handler() -> Iterator[Handler]:
    """Let a handler hear the bell, since before noon."""
    with known(), hearing(NAME, lambda _: None) as found:
        subscribe(NAME)
        yield found


def subscribe(name: str, *, since: dt.datetime = NOON - HOUR) -> None:
    Subscription.objects.create(handler=name, since=since, checked_to=0)


def rang(count: int = 1, *, sent_at: dt.datetime | None = NOON, **fields: Any) -> list[Envelope]:
    """Let the bell have tolled at noon, sent or not."""
    log = toll(*(tolled() for _ in range(count)))[-count:]
    values = {"recorded_at": NOON, "sent_at": sent_at, **fields}
    OutboxEvent.objects.filter(event_id__in=ids(log)).update(**values)
    return log


def ids(log: list[Envelope]) -> list[uuid.UUID]:
    return [envelope.event_id for envelope in log]


def look(at: dt.datetime = LATER) -> list[dict[str, Any]]:
    """Let the watchdog look, and return what it logged."""
    with structlog.testing.capture_logs() as lines, time_machine.travel(at, tick=False):
        assert jobs.run("bus.send_unheard")
    return [line for line in lines if line["event"] != "subscriptions_missing"]


def waiting() -> list[uuid.UUID]:
    """Return the events that the relay would send."""
    rows = OutboxEvent.objects.filter(sent_at=None, set_aside="").order_by("sequence")
    return list(rows.values_list("event_id", flat=True))


def send(at: dt.datetime) -> None:
    """Note what waits as sent; the messages are lost."""
    OutboxEvent.objects.filter(sent_at=None).update(sent_at=at)


def failures() -> list[tuple[uuid.UUID, str, str, str]]:
    rows = Delivery.objects.order_by("event_id", "handler")
    return [(row.event_id, row.handler, row.state, row.error) for row in rows]


def recorded(envelope: Envelope, state: str, **fields: Any) -> None:
    values = {"handler": NAME, "attempts": 6, "first_failed_at": NOON, "updated_at": NOON}
    Delivery.objects.create(
        event_id=envelope.event_id, name=envelope.name, state=state, **{**values, **fields}
    )


def marked(envelope: Envelope, handler: str = NAME) -> None:
    InboxMark.objects.create(event_id=envelope.event_id, handler=handler, handled_at=NOON)


def watermark(name: str = NAME) -> int:
    return Subscription.objects.get(pk=name).checked_to


class TestALostMessage:
    def test_is_sent_again_after_the_limit_and_not_before(self) -> None:
        log = rang()

        assert look(NOON + HOUR) == []
        assert (waiting(), failures()) == ([], [])

        assert look(NOON + HOUR + SECOND) == [
            {
                "event": "unheard_sent_again",
                "handler": NAME,
                "events": 1,
                "log_level": "warning",
            }
        ]
        assert waiting() == ids(log)

    def test_is_seen_among_the_deliveries_until_it_is_taken(self) -> None:
        [envelope] = log = rang()
        look()

        assert failures() == [(envelope.event_id, NAME, "FAILED", LOST)]
        row = Delivery.objects.get()
        assert (row.name, row.order_id, row.attempts) == (envelope.name, envelope.order_id, 0)
        assert (row.first_failed_at, row.updated_at) == (LATER, LATER)
        assert inbox.deliver("tower", log)
        assert failures() == [(envelope.event_id, NAME, "RECOVERED", LOST)]

    def test_that_is_lost_again_is_sent_again_each_hour_and_not_each_minute(self) -> None:
        log = rang()
        look()
        send(LATER)

        for minutes in (1, 30, 60):
            assert look(LATER + minutes * MINUTE) == []
        assert look(LATER + 61 * MINUTE) == [
            {"event": "failed_sent_again", "events": 1, "log_level": "warning"}
        ]
        assert waiting() == ids(log)

    def test_is_measured_by_its_last_sending(self) -> None:
        rang(sent_at=NOON + 30 * MINUTE)

        assert look() == []
        assert (waiting(), failures()) == ([], [])

    def test_for_two_handlers_is_sent_once_and_stays_watched_for_both(self) -> None:
        log = rang()
        with hearing("tower.other", lambda _: None):
            subscribe("tower.other")
            assert [line["events"] for line in look()] == [1]
            send(LATER)

            assert look(LATER + MINUTE) == []
            assert [line["event"] for line in look(LATER + 61 * MINUTE)] == ["unheard_sent_again"]

        assert waiting() == ids(log)
        assert [name for _, name, _, _ in failures()] == [NAME, "tower.other"]

    def test_of_a_handler_of_all_is_found_too(self) -> None:
        log = rang()
        marked(log[0])
        everything = Handler("tower.all", "tower", Event, print)
        subscribe("tower.all")

        assert check(everything) == Looked(1)
        assert waiting() == ids(log)


def check(handler: Handler, at: dt.datetime = LATER) -> Looked:
    with transaction():
        return watchdog.check_span(handler=handler, upto=newest(), at=at)


class TestIsLeftAlone:
    def test_what_is_marked(self) -> None:
        [envelope] = rang()
        marked(envelope)

        assert (look(), waiting(), failures()) == ([], [], [])

    @pytest.mark.parametrize("state", ["DEAD", "DISCARDED"])
    def test_what_is_given_up(self, state: str) -> None:
        [envelope] = rang()
        recorded(envelope, state)

        assert (look(), look(LATER + 3 * HOUR), waiting()) == ([], [], [])
        assert [state for _, _, state, _ in failures()] == [state]

    def test_what_the_handler_does_not_hear(self) -> None:
        [envelope] = rang(name=Echoed.name)

        assert (look(), waiting(), failures()) == ([], [], [])
        assert watermark() == envelope.sequence

    def test_what_is_not_sent_yet(self) -> None:
        log = rang(sent_at=None)

        assert (look(), look(LATER + 3 * HOUR), failures()) == ([], [], [])
        assert waiting() == ids(log)

    def test_what_is_history_to_a_new_handler(self) -> None:
        Subscription.objects.filter(pk=NAME).update(since=NOON + SECOND)
        rang()
        [later] = rang(recorded_at=NOON + SECOND)

        look(LATER + SECOND)

        assert waiting() == [later.event_id]

    def test_what_is_set_aside_but_seen_among_the_deliveries(self) -> None:
        [envelope] = rang(sent_at=None, set_aside="It has 9 bytes.")

        assert (look(), waiting()) == ([], [])
        assert failures() == [(envelope.event_id, NAME, "FAILED", "Set aside: It has 9 bytes.")]
        assert watermark() == envelope.sequence

    def test_what_no_relay_knows_but_seen_among_the_deliveries(self) -> None:
        [envelope] = rang(sent_at=None, name="tower.tolled.v2")
        subscribe("tower.all")

        assert check(Handler("tower.all", "tower", Event, print)) == Looked(0)
        assert failures() == [(envelope.event_id, "tower.all", "FAILED", UNSENDABLE)]
        assert watermark("tower.all") == envelope.sequence


class TestTheWatermark:
    def test_passes_all_that_is_taken_given_up_or_recorded(self) -> None:
        taken, dead, discarded, failed, lost = rang(5)
        marked(taken)
        for envelope, state in ((dead, "DEAD"), (discarded, "DISCARDED"), (failed, "FAILED")):
            recorded(envelope, state, updated_at=LATER)

        look()

        assert (waiting(), watermark()) == ([lost.event_id], lost.sequence)

    @pytest.mark.parametrize(
        "fields",
        [{"sent_at": None}, {"sent_at": NOON + SECOND}, {"recorded_at": NOON + SECOND}],
        ids=["waits", "was sent lately", "is young"],
    )
    def test_stops_before_what_may_still_be_heard_and_goes_on_after_it(
        self, fields: dict[str, Any]
    ) -> None:
        [first] = rang()
        [open_] = rang(**fields)
        [last] = rang()

        look()
        assert (waiting()[:1], watermark()) == ([first.event_id], open_.sequence - 1)
        assert Delivery.objects.count() == 1

        marked(open_)
        look(LATER + 5 * MINUTE)
        assert watermark() == last.sequence

    @pytest.mark.parametrize("name", ["tower.tolled.v1", "tower.echoed.v1"])
    def test_stops_before_what_is_young_although_it_is_heard_or_not_for_us(
        self, name: str, handler: Handler
    ) -> None:
        """A lower sequence may commit later: below a young event the log isn't final."""
        [young] = rang(recorded_at=NOON + SECOND, name=name)
        marked(young)
        rang()

        assert check(handler) == Looked(0)
        assert (watermark(), waiting()) == (0, [])

    def test_never_goes_back(self) -> None:
        [envelope] = rang()
        marked(envelope)
        look()

        look(LATER - HOUR)

        assert watermark() == envelope.sequence

    def test_moves_by_spans(self, monkeypatch: pytest.MonkeyPatch, handler: Handler) -> None:
        monkeypatch.setattr(watchdog, "SPAN", 2)
        log = rang(5)

        assert [check(handler) for _ in range(4)] == [
            Looked(2, is_more=True),
            Looked(2, is_more=True),
            Looked(1),
            Looked(0),
        ]
        assert (waiting(), watermark()) == (ids(log), log[-1].sequence)

    def test_is_brought_up_to_date_in_one_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(watchdog, "SPAN", 2)
        log = rang(5)

        assert [line["events"] for line in look()] == [5]
        assert waiting() == ids(log)

    def test_goes_no_further_than_the_relay_can_send_besides_what_is_new(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watchdog, "SPAN", 2)
        monkeypatch.setattr(watchdog, "MOST", 3)
        log = rang(6)

        look()

        assert waiting() == ids(log[:4])

    def test_of_who_waits_longest_is_the_first(self) -> None:
        rang()
        with hearing("tower.abreast", lambda _: None), hearing("tower.behind", lambda _: None):
            Subscription.objects.filter(pk=NAME).update(checked_to=-2)
            for name, checked_to in (("tower.abreast", -1), ("tower.behind", -3)):
                Subscription.objects.create(handler=name, since=NOON, checked_to=checked_to)

            found = [each.name for each in watchdog._by_watermark(newest())]

        assert found[:3] == ["tower.behind", NAME, "tower.abreast"]


class TestAFailure:
    def test_of_which_nothing_was_heard_is_sent_again(self) -> None:
        [envelope] = log = rang()
        recorded(envelope, "FAILED", updated_at=NOON + MINUTE, error="Failed.")
        Subscription.objects.filter(pk=NAME).update(checked_to=envelope.sequence)

        assert look(NOON + HOUR + MINUTE) == []
        look(NOON + HOUR + MINUTE + SECOND)

        assert waiting() == ids(log)
        assert failures() == [(envelope.event_id, NAME, "FAILED", "Failed.")]
        assert Delivery.objects.get().attempts == 6

    def test_that_is_redriven_and_lost_below_the_watermark_is_found(self) -> None:
        [envelope] = log = rang()
        recorded(envelope, "DEAD")
        look()
        assert watermark() == envelope.sequence
        with transaction():
            redrive(delivery_ids=[Delivery.objects.get().pk], at=LATER)
        send(LATER)

        assert (look(LATER + HOUR), waiting()) == ([], [])
        look(LATER + HOUR + SECOND)

        assert waiting() == ids(log)

    def test_that_waits_or_was_sent_lately_is_left_alone(self) -> None:
        unsent, fresh = rang(2, sent_at=None)
        OutboxEvent.objects.filter(event_id=fresh.event_id).update(sent_at=LATER)
        for envelope in (unsent, fresh):
            recorded(envelope, "FAILED")

        assert (look(), waiting()) == ([], [unsent.event_id])

    def test_is_looked_at_once_an_hour(self) -> None:
        [envelope] = rang(sent_at=None)
        recorded(envelope, "FAILED")
        look()

        assert Delivery.objects.get().updated_at == LATER

    def test_that_was_taken_meanwhile_has_recovered(self) -> None:
        [envelope] = rang()
        recorded(envelope, "FAILED")
        marked(envelope)

        assert (look(), waiting()) == ([], [])
        assert failures() == [(envelope.event_id, NAME, "RECOVERED", "")]

    def test_of_a_queue_without_handler_has_recovered_once_all_have_taken_it(self) -> None:
        taken, half, stranger = rang(3)
        OutboxEvent.objects.filter(event_id=stranger.event_id).update(name="tower.tolled.v2")
        for envelope, name in ((taken, taken.name), (half, half.name), (stranger, "tower.x.v1")):
            recorded(envelope, "FAILED", handler="unknown")
            Delivery.objects.filter(event_id=envelope.event_id).update(name=name)
        with hearing("tower.other", lambda _: None):
            for each in hearers_of(Tolled):
                marked(taken, each.name)
            marked(half, NAME)
            with transaction():
                assert watchdog.check_failures(at=LATER) == Looked(0)

        states = {event_id: state for event_id, _, state, _ in failures()}
        assert states == {
            taken.event_id: "RECOVERED",
            half.event_id: "FAILED",
            stranger.event_id: "FAILED",
        }
        assert waiting() == []

    def test_of_a_handler_that_is_gone_from_the_code_is_not_sent(self) -> None:
        [envelope] = rang()
        recorded(envelope, "FAILED", handler="tower.gone")
        marked(envelope)

        assert (look(), waiting()) == ([], [])

    def test_comes_by_its_age_in_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(watchdog, "FAILURES", 2)
        log = rang(3)
        for minutes, envelope in enumerate(reversed(log)):
            recorded(envelope, "FAILED", updated_at=NOON - minutes * MINUTE)
        with transaction():
            assert watchdog.check_failures(at=LATER) == Looked(2, is_more=True)
        assert waiting() == ids(log[:2])

        look()
        assert waiting() == ids(log)


def test_a_handler_without_subscription_is_reported() -> None:
    Subscription.objects.filter(pk=NAME).delete()
    with structlog.testing.capture_logs() as lines:
        watchdog._by_watermark(1)

    assert [line["handlers"] for line in lines] == [[NAME]]


def test_runs_every_minute() -> None:
    [job] = [job for job in jobs.all_jobs() if job.name == "bus.send_unheard"]

    assert job.interval == MINUTE


def test_the_parts_of_a_look_need_a_transaction(handler: Handler) -> None:
    with pytest.raises(TransactionMissing):
        watchdog.check_span(handler=handler, upto=newest(), at=LATER)
    with pytest.raises(TransactionMissing):
        watchdog.check_failures(at=LATER)


@pytest.mark.django_db(transaction=True)
class TestTwoWatchdogsAtOnce:
    def while_another_is_at_it(self, look_at: Any) -> list[Looked]:
        """Look while another has looked and not committed, and again afterwards."""
        found: list[Looked] = []
        has_looked, may_end = threading.Event(), threading.Event()

        def other() -> None:
            with transaction():
                found.append(look_at())
                has_looked.set()
                assert may_end.wait(10)

        thread = elsewhere(other)
        assert has_looked.wait(10)
        with transaction():
            found.append(look_at())
        may_end.set()
        thread.join(10)
        with transaction():
            found.append(look_at())
        return found

    def test_send_a_lost_message_once(self, handler: Handler) -> None:
        log = rang(3)

        found = self.while_another_is_at_it(
            lambda: watchdog.check_span(handler=handler, upto=newest(), at=LATER)
        )

        assert found == [Looked(3), Looked(0), Looked(0)]
        assert waiting() == ids(log)

    def test_send_a_failure_once(self) -> None:
        log = rang(3)
        for envelope in log:
            recorded(envelope, "FAILED")

        found = self.while_another_is_at_it(lambda: watchdog.check_failures(at=LATER))

        assert found == [Looked(3), Looked(0), Looked(0)]
        assert waiting() == ids(log)


class TestMigrate:
    def migrate(self, **options: Any) -> str:
        output = StringIO()
        with time_machine.travel(LATER, tick=False):
            call_command("migrate", stdout=output, **options)
        return output.getvalue()

    def test_lets_a_new_handler_hear_from_now_on(self) -> None:
        [envelope] = rang()
        with hearing("tower.new", lambda _: None):
            told = self.migrate(verbosity=1)

        row = Subscription.objects.get(pk="tower.new")
        assert (row.since, row.checked_to) == (LATER, envelope.sequence)
        assert "Hearing from now on: tower.new." in told

    def test_leaves_a_handler_that_is_known(self) -> None:
        before = list(Subscription.objects.order_by("pk").values())

        assert "Hearing" not in self.migrate(verbosity=1)

        assert list(Subscription.objects.order_by("pk").values()) == before

    def test_of_an_empty_log_begins_at_its_beginning(self) -> None:
        with hearing("tower.new", lambda _: None):
            self.migrate(verbosity=0)

        assert watermark("tower.new") == 0

    @pytest.mark.parametrize("option", ["plan", "check_unapplied"])
    def test_that_only_looks_subscribes_nobody(self, option: str) -> None:
        with hearing("tower.new", lambda _: None):
            self.migrate(**{option: True})

        assert not Subscription.objects.filter(pk="tower.new").exists()

    def test_has_subscribed_every_handler_of_the_modules_in_this_database(self) -> None:
        with structlog.testing.capture_logs() as lines:
            watchdog._by_watermark(1)

        assert lines == []
        assert Subscription.objects.get(pk="warehouse.reserve_stock").since <= timezone.now()
