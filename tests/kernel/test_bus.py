"""The bus without a broker: outbox, inbox, failures, personal fields, causes, jobs."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import pytest
from django.db import connection, connections

from kernel import limits
from kernel.bus import context, inbox, jobs, personal
from kernel.bus.envelope import Envelope, from_wire, to_wire
from kernel.bus.event import Event, Personal
from kernel.bus.models import Delivery, InboxMark, OutboxEvent
from kernel.bus.outbox import publish
from kernel.bus.subscriptions import DuplicateHandler, Handler, _register, forget
from kernel.bus.testing import envelopes, published, run_until_quiet
from kernel.ids import new_id
from kernel.transactions import TransactionMissing, transaction

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


class Rang(Event, name="bell.rang.v1", subject="bell_id", person="ringer_id"):
    """A bell rang."""

    bell_id: uuid.UUID
    ringer_id: uuid.UUID
    tone: int = 1
    ringer: Annotated[str | None, Personal()] = None


@contextmanager
def hearing(name: str, run: Callable[..., None], **how: Any) -> Iterator[None]:
    _register(Handler(name=name, app="bell", event=Rang, run=run, **how))
    try:
        yield
    finally:
        forget(name)


def rang(**fields: Any) -> Rang:
    return Rang(**{"occurred_at": NOON, "bell_id": new_id(), "ringer_id": new_id(), **fields})


def ring(*events: Rang) -> list[Envelope]:
    with transaction():
        publish(*events)
    return [envelope for envelope in envelopes() if envelope.name == Rang.name]


@pytest.mark.django_db
class TestPublish:
    def test_outside_a_transaction_is_refused(self) -> None:
        with pytest.raises(TransactionMissing):
            publish(rang())

        assert published() == []

    def test_in_a_transaction_that_rolls_back_leaves_nothing(self) -> None:
        with pytest.raises(ZeroDivisionError), transaction():
            publish(rang())
            raise ZeroDivisionError

        assert published() == []

    def test_keeps_the_event_whole_with_its_cause(self) -> None:
        event, cause = (
            rang(ringer="Ann"),
            context.Context("customer:1", "request-1", new_id(), "00-trace", order_id=new_id()),
        )
        with context.acting(cause):
            ring(event)

        row = OutboxEvent.objects.get()
        assert published() == [event]
        assert (row.subject, row.actor, row.correlation_id) == (
            event.bell_id,
            "customer:1",
            "request-1",
        )
        assert (row.causation_id, row.traceparent) == (cause.causation_id, "00-trace")
        assert row.order_id is None  # its own, not its cause's
        assert row.sent_at is None


@pytest.mark.django_db
class TestPersonalFields:
    def test_are_sealed_in_the_log_and_on_the_wire(self) -> None:
        (envelope,) = ring(rang(ringer="Ann Archer"))

        assert "Ann" not in str(envelope.payload)
        assert "Ann" not in str(to_wire(envelope))
        assert from_wire(to_wire(envelope)) == envelope

    def test_are_none_once_the_person_is_erased(self) -> None:
        event = rang(ringer="Ann Archer")
        ring(event)
        with transaction():
            personal.erase(person_id=event.ringer_id, at=NOON)

        assert published() == [event.model_copy(update={"ringer": None})]

    def test_of_an_erased_person_are_never_written_again(self) -> None:
        event = rang(ringer="Ann Archer")
        with transaction():
            personal.erase(person_id=event.ringer_id, at=NOON)
        (envelope,) = ring(event)

        assert envelope.payload["ringer"] is None

    def test_must_allow_none(self) -> None:
        with pytest.raises(TypeError, match="must allow None"):

            class Wrong(Event, name="bell.wrong.v1", subject="bell_id", person="bell_id"):
                bell_id: uuid.UUID
                ringer: Annotated[str, Personal()]


@pytest.mark.django_db
class TestInbox:
    def test_runs_a_handler_once_however_often_the_event_comes(self) -> None:
        heard: list[Rang] = []
        event = rang()
        pack = ring(event) * 2
        with hearing("bell.listen", heard.append):
            assert inbox.deliver("bell", pack)
            assert inbox.deliver("bell", pack)

        assert heard == [event]
        assert InboxMark.objects.count() == 1

    def test_rolls_back_mark_and_effect_of_what_fails_while_the_rest_goes_on(self) -> None:
        good, bad = rang(tone=1), rang(tone=13)
        heard: list[int] = []
        personal_data = "Ann Archer"

        def listen(event: Rang) -> None:
            publish(rang(tone=99))
            if event.tone == 13:
                raise ValueError(personal_data)
            heard.append(event.tone)

        pack = ring(bad, good)
        with hearing("bell.listen", listen):
            assert not inbox.deliver("bell", pack)

        assert heard == [1]
        assert InboxMark.objects.get().event_id == pack[1].event_id
        assert [event.tone for event in published(Rang)] == [13, 1, 99]
        failure = Delivery.objects.get()
        assert (failure.event_id, failure.handler) == (pack[0].event_id, "bell.listen")
        assert (failure.state, failure.attempts, failure.error) == (
            "FAILED",
            1,
            "builtins.ValueError",
        )
        assert "listen" in failure.traceback
        assert personal_data not in failure.traceback

    def test_runs_only_what_is_still_open_when_the_pack_comes_again(self) -> None:
        heard: list[int] = []
        is_broken = True

        def listen(event: Rang) -> None:
            if event.tone == 13 and is_broken:
                raise ValueError
            heard.append(event.tone)

        pack = ring(rang(tone=13), rang(tone=1))
        with hearing("bell.listen", listen):
            inbox.deliver("bell", pack)
            inbox.deliver("bell", pack)
            assert Delivery.objects.get().attempts == 2
            is_broken = False
            assert inbox.deliver("bell", pack)

        assert heard == [1, 13]
        assert Delivery.objects.get().state == Delivery.State.RECOVERED

    def test_leaves_out_what_was_discarded_by_hand(self) -> None:
        heard: list[Rang] = []
        pack = ring(rang())
        Delivery.objects.create(
            event_id=pack[0].event_id,
            handler="bell.listen",
            name=Rang.name,
            state=Delivery.State.DISCARDED,
            first_failed_at=NOON,
            updated_at=NOON,
        )
        with hearing("bell.listen", heard.append):
            assert inbox.deliver("bell", pack)

        assert heard == []
        assert Delivery.objects.get().state == Delivery.State.DISCARDED

    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("bell.rang.v2", "kernel.bus.envelope.UnknownEvent: bell.rang.v2"),
            ("bell.rang.v1", "kernel.bus.inbox.HandlerMissing: bell.rang.v1"),
        ],
    )
    def test_never_drops_what_it_does_not_know(self, name: str, error: str) -> None:
        (envelope,) = ring(rang())
        wire = {**to_wire(envelope), "type": name}

        assert not inbox.deliver("bell", [from_wire(wire)])
        assert Delivery.objects.get().error == error

    def test_gives_the_pack_back_when_its_time_is_over(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "PACK_SECONDS", -1)
        heard: list[Rang] = []
        with hearing("bell.listen", heard.append):
            assert not inbox.deliver("bell", ring(rang()))

        assert (heard, Delivery.objects.count()) == ([], 0)

    def test_hands_a_pack_handler_what_is_new_in_one_transaction(self) -> None:
        heard: list[list[Envelope]] = []
        first, second = ring(rang(), rang())
        with hearing("bell.listen", heard.append, is_pack=True):
            inbox.deliver("bell", [first])
            inbox.deliver("bell", [first, second])

        assert heard == [[first], [second]]

    def test_costs_a_known_number_of_statements(self, django_assert_num_queries: Any) -> None:
        pack = ring(rang(), rang(), rang())
        with hearing("bell.listen", lambda event: None), django_assert_num_queries(2 + 3 * 3):
            inbox.deliver("bell", pack)  # keys, deliveries; and for each: begin, mark, commit

    def test_names_the_handler_as_actor_and_the_event_as_cause(self) -> None:
        causes: list[context.Context] = []
        with context.acting(context.Context("customer:1", "request-1")):
            (envelope,) = ring(rang())
        with hearing("bell.listen", lambda event: causes.append(context.current())):
            inbox.deliver("bell", [envelope])

        assert causes == [context.Context("bell.listen", "request-1", envelope.event_id, "")]


@pytest.mark.django_db
class TestOutsideHandler:
    def test_runs_outside_a_transaction_and_is_marked_with_its_answer(self) -> None:
        seen: list[bool] = []

        def call(event: Rang, answered: inbox.Answered) -> None:
            seen.append(InboxMark.objects.exists())
            with pytest.raises(TransactionMissing):
                publish(event)
            with answered():
                publish(rang(tone=2))

        pack = ring(rang())
        with hearing("bell.call", call, is_outside=True):
            assert inbox.deliver("bell-outside", pack)
            assert inbox.deliver("bell-outside", pack)

        assert seen == [False]
        assert [event.tone for event in published(Rang)] == [1, 2]

    def test_that_does_not_answer_has_failed(self) -> None:
        with hearing("bell.call", lambda event, answered: None, is_outside=True):
            assert not inbox.deliver("bell-outside", ring(rang()))

        assert Delivery.objects.get().error == "kernel.bus.inbox.AnswerMissing: bell.call"


@pytest.mark.django_db(transaction=True)
def test_one_event_on_four_workers_at_once_takes_effect_once() -> None:
    (envelope,) = ring(rang())
    barrier = threading.Barrier(4)

    def listen(event: Rang) -> None:
        publish(rang(tone=2))

    def work() -> None:
        barrier.wait()
        inbox.deliver("bell", [envelope])
        connections.close_all()

    with hearing("bell.listen", listen):
        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    assert [event.tone for event in published(Rang)] == [1, 2]


def test_two_handlers_of_one_name_are_refused() -> None:
    with (
        hearing("bell.listen", print),
        pytest.raises(DuplicateHandler),
        hearing("bell.listen", print),
    ):
        pass


def test_two_events_of_one_name_are_refused() -> None:
    with pytest.raises(TypeError, match="is taken"):

        class Again(Event, name="bell.rang.v1", subject="bell_id"):
            bell_id: uuid.UUID


def test_payloads_ignore_unknown_fields() -> None:
    event = rang()

    assert Rang.model_validate({**event.model_dump(), "colour": "red"}) == event


@pytest.mark.django_db(transaction=True)
class TestJobs:
    def test_does_not_run_beside_itself(self) -> None:
        ran: list[str] = []
        jobs.every(minutes=1)(count := _named("count", lambda: ran.append("x")))
        name = f"{count.__module__.split('.')[1]}.count"
        other = connection.copy()
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"job:{name}"])
        assert not jobs.run(name)
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [f"job:{name}"])
        other.close()
        assert jobs.run(name)

        assert ran == ["x"]
        del jobs._JOBS[name]


def _named(name: str, func: Callable[[], None]) -> Callable[[], None]:
    func.__name__ = name
    return func


@pytest.mark.django_db
def test_run_until_quiet_names_the_handler_that_fails() -> None:
    def listen(event: Rang) -> None:
        raise ZeroDivisionError

    ring(rang())
    with hearing("bell.listen", listen), pytest.raises(AssertionError, match="ZeroDivisionError"):
        run_until_quiet()


@pytest.mark.django_db(transaction=True)
def test_two_who_need_a_new_persons_key_at_once_get_the_same() -> None:
    person, is_made, found = new_id(), threading.Event(), []

    def second() -> None:
        is_made.wait(5)
        with transaction():
            found.append(personal.key_of(person))  # waits for the first to commit
        connections.close_all()

    thread = threading.Thread(target=second)
    thread.start()
    with transaction():
        found.append(personal.key_of(person))
        is_made.set()
        thread.join(0.3)
    thread.join(5)

    assert found[0] is not None
    assert found == [found[0], found[0]]
