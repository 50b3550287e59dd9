from __future__ import annotations

import datetime as dt
import json
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest
import time_machine
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from apps.orders import usecases
from apps.orders.models import TimelineEntry, What
from apps.orders.streams import admission
from apps.orders.streams.asgi import Streams
from apps.orders.streams.telling import Pace
from apps.orders.streams.timelines import ROWS, Reader
from dev.plan import free_port
from kernel import limits
from kernel.address import Address
from kernel.ids import new_id
from kernel.signing import sign
from kernel.transactions import transaction
from tests.aws import eventually
from tests.kernel.processes import shop_environment
from tests.orders.scenes import ELSEWHERE, NOON, ORDERS, Scene, body
from tests.orders.streaming import Heard, Listener, StreamProcess, ask, listening

ClientFor = Callable[..., APIClient]
SOON = Pace(look=0.05)


@pytest.fixture(autouse=True)
def noon() -> Iterator[time_machine.Traveller]:
    """Begin at noon, and let time pass: a stream ends when its time is up."""
    with time_machine.travel(NOON, tick=True) as traveller:
        yield traveller


Open = Callable[..., StreamProcess]


@pytest.fixture
def open_process(settings: Settings) -> Iterator[Open]:
    started: list[StreamProcess] = []

    def start(**options: Any) -> StreamProcess:
        process = StreamProcess(Streams(**{"pace": SOON, **options}))
        settings.STREAMS_URL = process.url
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.stop()


def address(scene: Scene, **headers: str) -> str:
    answer = scene.customer.get(f"{scene.url}/stream", headers=headers)
    assert answer.status_code == 307, answer.json()
    return answer.headers["Location"]


def listen(scene: Scene, **headers: str) -> AbstractContextManager[Listener]:
    return listening(address(scene, **headers))


def told(scene: Scene) -> list[Heard]:
    """Return what a stream should have told by now, by what /timeline says."""
    ids = TimelineEntry.objects.filter(order=scene.id).order_by("id").values_list("id", flat=True)
    entries = scene.customer.get(f"{scene.url}/timeline").json()["results"]
    return [
        Heard(id=id_, event=entry["what"], data=entry)
        for id_, entry in zip(ids, entries, strict=True)
    ]


END = Heard(event="end", data={})


@pytest.mark.django_db
class TestAskingTheApi:
    def test_leads_to_the_stream_and_costs_one_query(
        self, scene: Scene, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(1):
            answer = scene.customer.get(f"{scene.url}/stream")

        where = urlsplit(answer.headers["Location"])
        assert (answer.status_code, answer.content) == (307, b"")
        assert answer.headers["Cache-Control"] == "no-store"
        assert f"{where.scheme}://{where.netloc}{where.path}" == (
            f"http://127.0.0.1:8003/orders/{scene.id}"
        )
        admission.demand_ticket(parse_qs(where.query)["ticket"][0], order_id=scene.id)

    def test_hands_on_the_last_event_that_the_client_has(self, scene: Scene) -> None:
        by_header = urlsplit(address(scene, **{"Last-Event-ID": "17"}))
        by_query = scene.customer.get(f"{scene.url}/stream?last_event_id=17").headers["Location"]
        without = urlsplit(address(scene))

        assert parse_qs(by_header.query)["last_event_id"] == ["17"]
        assert parse_qs(urlsplit(by_query).query)["last_event_id"] == ["17"]
        assert "last_event_id" not in parse_qs(without.query)

    @pytest.mark.parametrize("last", ["one", "-1", "1.5", "9" * 19])
    def test_with_a_last_event_that_is_none_is_refused(self, scene: Scene, last: str) -> None:
        answer = scene.customer.get(f"{scene.url}/stream", headers={"Last-Event-ID": last})

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_last_event_id")

    def test_for_an_event_stream_is_no_offence(self, scene: Scene, client_for: ClientFor) -> None:
        accept = {"Accept": "text/event-stream"}
        answer = client_for().get(f"{scene.url}/stream", headers=accept)

        assert scene.customer.get(f"{scene.url}/stream", headers=accept).status_code == 307
        assert (answer.status_code, answer.headers["Content-Type"]) == (
            404,
            "application/problem+json",
        )

    def test_shows_the_owner_and_support_alone_that_there_is_an_order(
        self, scene: Scene, client_for: ClientFor, anyone: APIClient
    ) -> None:
        url = f"{scene.url}/stream"
        others = [client_for(), client_for("warehouse"), client_for("delivery")]
        answers = [*(other.get(url) for other in others), client_for().get(f"{ORDERS}/{new_id()}")]

        assert [(a.status_code, a.json()["code"]) for a in answers] == [
            (404, "order_not_found")
        ] * 4
        assert anyone.get(url).status_code == 401
        assert scene.staff.get(url).status_code == 307

    def test_is_described_as_it_is(self, anyone: APIClient) -> None:
        accept = {"Accept": "application/json"}
        schema = json.loads(anyone.get("/api/v1/schema", headers=accept).content)
        operation = schema["paths"]["/api/v1/orders/{order_id}/stream"]["get"]
        answers = operation["responses"]

        assert {"200", "307", "401", "403", "404", "429", "503"} <= set(answers)
        assert set(answers["200"]["content"]) == {"text/event-stream"}
        assert set(answers["307"]["headers"]) == {"Location", "X-Request-ID"}
        assert "content" not in answers["307"]
        assert {(p["in"], p["name"]) for p in operation["parameters"]} == {
            ("path", "order_id"),
            ("header", "Last-Event-ID"),
            ("query", "last_event_id"),
        }


@pytest.mark.django_db(transaction=True)
class TestAStream:
    def test_tells_what_happened_and_then_what_happens(
        self, scene: Scene, open_process: Open
    ) -> None:
        open_process()
        with listen(scene) as stream:
            assert stream.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            assert stream.response.headers["Cache-Control"] == "no-store"
            retry, first = stream.take(2)
            scene.hear("StockReserved", "PaymentAuthorized")
            second = stream.next()

        assert retry.retry
        least = 1000 * limits.STREAM_RETRY_SECONDS
        assert least <= retry.retry < 2 * least
        assert [first, second] == told(scene)
        assert second.data | {"at": ""} == {
            "at": "",
            "what": "confirmed",
            "state": "CONFIRMED",
            "reason": None,
        }

    def test_goes_on_after_the_last_event_that_the_client_has(
        self, scene: Scene, open_process: Open
    ) -> None:
        open_process()
        with listen(scene) as stream:
            first = stream.take(2)[1]
        scene.hear("StockReserved", "PaymentAuthorized")
        with listen(scene, **{"Last-Event-ID": str(first.id)}) as stream:
            second = stream.take(2)[1]
            scene.hear("PackageCreated")
            third = stream.next()
        with listening(address(scene), after=second.id) as stream:
            again = stream.take(2)[1]

        assert [first, second, third] == told(scene)
        assert again == third

    def test_believes_the_header_that_is_new_not_the_address_that_is_old(
        self, scene: Scene, open_process: Open
    ) -> None:
        open_process()
        scene.hear("StockReserved", "PaymentAuthorized", "PackageCreated")
        first, second, third = told(scene)
        url = address(scene, **{"Last-Event-ID": str(first.id)})
        with listening(url, after=second.id) as stream:
            heard = stream.take(2)[1]

        assert heard == third

    def test_longer_than_one_look_is_told_whole(self, scene: Scene, open_process: Open) -> None:
        add_entries(scene, 2 * ROWS)
        scene.ask("customer cancels")
        open_process(pace=Pace(look=60))
        with listen(scene) as stream:
            heard = stream.rest()[1:-1]

        assert [each.id for each in heard] == list(
            TimelineEntry.objects.filter(order=scene.id).order_by("id").values_list("id", flat=True)
        )
        assert len(heard) == 2 * ROWS + 2

    def test_ends_with_the_order_and_says_so(self, scene: Scene, open_process: Open) -> None:
        open_process()
        with listen(scene) as stream:
            stream.take(2)
            scene.hear("StockShort")
            assert stream.rest() == [told(scene)[1], END]
        with listen(scene) as stream:
            assert stream.rest()[1:] == [*told(scene), END]
        with listen(scene, **{"Last-Event-ID": str(told(scene)[-1].id)}) as stream:
            assert stream.rest()[1:] == [END]

    def test_of_a_fulfilled_order_goes_on_until_it_is_paid(
        self, scene: Scene, open_process: Open
    ) -> None:
        open_process()
        scene.hear("StockReserved", "PaymentAuthorized", "PackageCreated", "ShipmentStarted")
        scene.hear("DeliveryCompleted")
        with listen(scene) as stream:
            assert [each.event for each in stream.take(6)[1:]][-1] == "fulfilled"
            scene.hear("PaymentCaptured")
            assert [each.event for each in stream.rest()] == ["paid", "end"]

    def test_gives_signs_of_life_and_ends_when_its_time_is_up(
        self, scene: Scene, open_process: Open
    ) -> None:
        process = open_process(pace=Pace(look=0.05, beat=0.1, life=1))
        begun = time.monotonic()
        with listen(scene) as stream:
            assert [each.event for each in stream.until_heartbeat()] == ["", "placed"]
            assert stream.until_heartbeat() == []
            assert stream.rest() == []
        took = time.monotonic() - begun

        assert 0.9 <= took < 5
        eventually(lambda: process.streams.open == 0)

    def test_outlives_the_database(self, scene: Scene, open_process: Open) -> None:
        open_process()
        with listen(scene) as stream:
            stream.take(2)
            assert end_session_of_the_looker() == 1
            scene.hear("StockReserved", "PaymentAuthorized")

            assert stream.next() == told(scene)[1]

    def test_of_an_order_whose_change_commits_late_misses_nothing(
        self, scene: Scene, open_process: Open
    ) -> None:
        open_process()
        other = uuid.UUID(scene.customer.post(ORDERS, body(scene.lines)).json()["id"])
        there = admission.address(order_id=other, after=0, at=timezone.now())
        with (
            listen(scene) as late,
            listening(there) as early,
            second_session() as slow,
        ):
            late.take(2), early.take(2)
            slow.execute(_INSERT, [scene.id])
            with connection.cursor() as cursor:
                cursor.execute(_INSERT, [other])
            higher = early.next().id
            time.sleep(3 * SOON.look)
            slow.commit()
            lower = late.next().id

        assert lower
        assert higher
        assert lower < higher


@pytest.mark.django_db(transaction=True)
def test_an_orders_entries_commit_in_the_order_of_their_ids(scene: Scene) -> None:
    """Streams rely on it: nobody takes an id before the order is locked."""
    order = {"order_id": scene.id, "at": NOON}
    mine = {**order, "person_id": None}
    changes: list[Callable[[], object]] = [
        lambda: usecases.note_answer(**order, answer="StockShort"),
        lambda: usecases.note_package(**order, quantities={}),
        lambda: usecases.note_shipment(**order, tracking_number="T", address=None),
        lambda: usecases.note_refused_address(**order, shipped_to=None),
        lambda: usecases.note_capture(**order),
        lambda: usecases.cancel_order(**mine, requested_by="customer"),
        lambda: usecases.change_address(**mine, version=1, address=Address(**ELSEWHERE)),
    ]
    with second_session() as other, connection.cursor() as cursor:
        other.execute("SELECT FROM orders_order WHERE id = %s FOR UPDATE", [scene.id])
        cursor.execute("SET lock_timeout = '20ms'")
        cursor.execute(_LAST_ID)
        before = cursor.fetchone()
        for change in changes:
            with pytest.raises(OperationalError, match="lock timeout"), transaction():
                change()
        with transaction():
            assert usecases.time_out_orders(at=NOON + dt.timedelta(days=1), limit=1) == 0
        cursor.execute(_LAST_ID)
        assert cursor.fetchone() == before
        cursor.execute(f"SET lock_timeout = '{limits.LOCK_SECONDS}s'")


@pytest.mark.django_db(transaction=True)
class TestTickets:
    def test_that_are_not_good_for_the_order_are_refused(
        self, scene: Scene, open_process: Open, noon: time_machine.Traveller
    ) -> None:
        process = open_process()
        good = address(scene)
        value, later = {"order": str(scene.id)}, NOON + dt.timedelta(hours=1)
        other = admission.address(order_id=new_id(), after=0, at=timezone.now())
        here = f"{process.url}/orders/{scene.id}"
        answers = [
            ask(here),
            ask(f"{here}?ticket=x"),
            ask(f"{good}x"),
            ask(f"{here}?ticket={sign(value, purpose='delivery-quote', expires_at=later)}"),
            ask(f"{here}?{urlsplit(other).query}"),
        ]
        noon.shift(limits.STREAM_TICKET_SECONDS)
        answers.append(ask(good))

        for status, problem, headers in answers:
            assert (status, problem["code"]) == (403, "invalid_ticket")
            assert headers["Content-Type"] == "application/problem+json"
            assert problem["request_id"]
        assert process.streams.open == 0

    def test_with_a_last_event_that_is_none_are_refused(
        self, scene: Scene, open_process: Open
    ) -> None:
        open_process()
        status, problem, _ = ask(address(scene), **{"Last-Event-ID": "x"})

        assert (status, problem["code"]) == (400, "invalid_last_event_id")


@pytest.mark.django_db(transaction=True)
class TestManyStreams:
    def test_are_refused_when_there_is_no_room_until_one_has_left(
        self, scene: Scene, open_process: Open
    ) -> None:
        process = open_process(most=2)
        with listen(scene) as first, listen(scene) as second:
            first.take(2), second.take(2)
            status, problem, headers = ask(address(scene))
            assert (status, problem["code"]) == (503, "too_many_streams")
            assert headers["Retry-After"] == str(limits.STREAM_RETRY_SECONDS)
        eventually(lambda: process.streams.open == 0)
        with listen(scene) as third:
            assert third.take(2)[1:] == told(scene)

    def test_of_one_order_leave_room_for_others(self, scene: Scene, open_process: Open) -> None:
        open_process(most_of_order=1)
        other = uuid.UUID(scene.customer.post(ORDERS, body(scene.lines)).json()["id"])
        there = admission.address(order_id=other, after=0, at=timezone.now())
        with listen(scene) as first, listening(there) as second:
            first.take(2), second.take(2)
            status, problem, headers = ask(address(scene))

        assert (status, problem["code"]) == (429, "too_many_streams_of_order")
        assert headers["Retry-After"] == str(limits.STREAM_RETRY_SECONDS)

    def test_share_one_query_and_without_any_there_is_none(
        self, scene: Scene, open_process: Open
    ) -> None:
        process = open_process(pace=Pace(look=0.2))
        asked = watch_queries(process)
        time.sleep(0.5)
        assert asked == []

        with listen(scene) as first, listen(scene) as second, listen(scene) as third:
            streams = (first, second, third)
            for stream in streams:
                stream.take(2)
            asked.clear()
            scene.hear("StockShort")
            assert [stream.rest() for stream in streams] == [[told(scene)[1], END]] * 3
            assert len(asked) <= 20
            assert {len(places) for places, *_ in asked} == {3}
        asked.clear()
        time.sleep(0.5)
        assert asked == []

    def test_do_not_pile_up_for_a_client_that_does_not_read(
        self, scene: Scene, open_process: Open
    ) -> None:
        add_entries(scene, 10_000)
        process = open_process(pace=Pace(look=0.05, send=0.5))
        asked = watch_queries(process)
        where = urlsplit(address(scene))
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((where.hostname, where.port))
            client.sendall(f"GET {where.path}?{where.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            eventually(lambda: process.streams.open == 1)
            eventually(lambda: process.streams.open == 0)

        assert ROWS * len(asked) < 5_000


@pytest.mark.django_db(transaction=True)
class TestTheProcess:
    def test_tells_whether_it_is_well(self, open_process: Open) -> None:
        process = open_process()

        assert ask(f"{process.url}/health/live")[:2] == (200, {"status": "ok"})
        assert ask(f"{process.url}/health/ready")[:2] == (200, {"status": "ok"})

    def test_is_not_ready_without_the_database(self, open_process: Open) -> None:
        process = open_process()
        assert ask(f"{process.url}/health/ready")[0] == 200
        process.streams._timelines._database.submit(refuse_to_connect).result()

        assert ask(f"{process.url}/health/ready")[0] == 503
        assert ask(f"{process.url}/health/live")[0] == 200

    def test_is_dead_when_nobody_looks_any_more(self, scene: Scene, open_process: Open) -> None:
        process = open_process()
        with listen(scene) as stream:
            stream.take(2)
            looking = process.streams._timelines._looking
            assert looking
            looking.get_loop().call_soon_threadsafe(looking.cancel)
            assert stream.rest() == []

        assert ask(f"{process.url}/health/live")[0] == 503
        assert ask(address(scene))[:1] == (503,)

    def test_answers_nothing_but_streams(self, scene: Scene, open_process: Open) -> None:
        process = open_process()
        answers = [
            ask(f"{process.url}/"),
            ask(f"{process.url}/orders/17"),
            ask(address(scene), "POST"),
        ]

        assert [(status, problem["code"]) for status, problem, _ in answers] == [
            (404, "not_found"),
            (404, "not_found"),
            (405, "method_not_allowed"),
        ]
        assert answers[2][2]["Allow"] == "GET"

    def test_lies_where_its_address_says(
        self, scene: Scene, open_process: Open, settings: Settings
    ) -> None:
        process = open_process(prefix="/streams")
        outside = address(scene)
        settings.STREAMS_URL = f"{process.url}/streams"
        with listen(scene) as stream:
            assert stream.take(2)[1:] == told(scene)

        assert ask(outside)[0] == 404
        assert ask(f"{process.url}/streams/health/live")[0] == 200

    def test_that_is_about_to_end_ends_its_streams_and_takes_no_more(
        self, scene: Scene, open_process: Open
    ) -> None:
        process = open_process()
        with listen(scene) as stream:
            stream.take(2)
            process.streams._timelines._looking.get_loop().call_soon_threadsafe(  # type: ignore[union-attr]
                process.streams.close
            )
            assert stream.rest() == []
        status, problem, headers = ask(address(scene))

        assert (status, problem["code"]) == (503, "stopping")
        assert headers["Retry-After"] == str(limits.STREAM_RETRY_SECONDS)

    def test_lets_the_kernel_drop_who_does_not_read(self, open_process: Open) -> None:
        listening = open_process().listening

        assert listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == (
            1000 * limits.STREAM_UNREAD_SECONDS
        )

    @pytest.mark.processes
    def test_ends_promptly_when_it_is_told_to(
        self, scene: Scene, settings: Settings, tmp_path: Path
    ) -> None:
        settings.STREAMS_URL = f"http://127.0.0.1:{free_port()}"
        log = tmp_path / "log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "streams"],
                env=process_environment(settings.STREAMS_URL),
                stdout=output,
                stderr=output,
            )
        try:
            eventually(lambda: is_ready(settings.STREAMS_URL))
            real = dt.datetime.fromtimestamp(log.stat().st_mtime, dt.UTC)
            with listening(admission.address(order_id=scene.id, after=0, at=real)) as stream:
                heard = stream.take(2)
                begun = time.monotonic()
                process.terminate()
                rest = stream.rest()
            status = process.wait(10)
            took = time.monotonic() - begun
        finally:
            process.kill()
            process.wait()

        assert (heard[1:], rest) == (told(scene), [])
        assert took < limits.STREAM_STOP_SECONDS
        assert (status, log.read_text().splitlines()) == (
            0,
            [
                "Streams: started.",
                "Streams: stopped; each client goes on where its stream has ended.",
            ],
        )


@pytest.mark.parametrize("what", What)
def test_an_order_is_over_when_nothing_more_can_come(what: What) -> None:
    reader = Reader(new_id())
    reader.take([{"id": 1, "what": what.value}])

    assert reader.is_over is (
        what in (What.PAID, What.CANCELLED, What.PACKAGING_FAILED, What.DELIVERY_FAILED)
    )


def test_silence_is_broken_before_a_proxy_takes_it_for_death() -> None:
    assert 2 * limits.STREAM_BEAT_SECONDS < 60
    assert limits.STREAM_BEAT_SECONDS < limits.STREAM_UNREAD_SECONDS < limits.STREAM_SEND_SECONDS


_INSERT = """
INSERT INTO orders_timelineentry (order_id, at, what, state, reason)
VALUES (%s, now(), 'address_changed', 'PLACED', '')
"""
_LAST_ID = "SELECT last_value FROM orders_timelineentry_id_seq"
_END_SESSION = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE query LIKE '%%LATERAL%%orders_timelineentry%%' AND pid <> pg_backend_pid()
    AND datname = current_database()
"""


def add_entries(scene: Scene, count: int) -> None:
    TimelineEntry.objects.bulk_create(
        TimelineEntry(order_id=scene.id, at=NOON, what=What.ADDRESS_CHANGED, state="PLACED")
        for _ in range(count)
    )


def end_session_of_the_looker() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_END_SESSION)
        count: int = cursor.fetchone()[0]
        return count


def second_session() -> psycopg.Connection[Any]:
    return psycopg.connect(shop_environment()["DATABASE_URL"])


def watch_queries(process: StreamProcess) -> list[Any]:
    """Return a list that fills with the parameters of what the process asks the database."""
    asked: list[Any] = []

    def note(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        asked.append(params)
        return execute(sql, params, many, context)

    database = process.streams._timelines._database
    database.submit(lambda: connection.execute_wrappers.append(note)).result()
    return asked


def refuse_to_connect() -> None:
    connection.close()
    connection.settings_dict = {**connection.settings_dict, "PORT": "1"}


def process_environment(url: str) -> dict[str, str]:
    where = urlsplit(url)
    return shop_environment() | {
        "STREAMS_URL": url,
        "BIND_HOST": str(where.hostname),
        "PORT": str(where.port),
        "LOG_LEVEL": "INFO",
    }


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready").is_success
    except httpx.TransportError:
        return False
