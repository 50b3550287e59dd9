"""How often one may ask: counted across processes, told in headers, refused with a problem."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
import time_machine
from django.db import connection, connections
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.test import APIClient
from rest_framework.views import APIView

from dev import ROOT
from kernel.bus import jobs
from kernel.refusals import Refusal
from kernel.rest import counting
from kernel.rest.counting import Counter, Rate, Standing
from kernel.rest.idempotency import idempotent
from kernel.rest.models import IdempotencyKey, ThrottleCount
from kernel.rest.problems import not_found
from kernel.rest.throttles import counter
from tests.conftest import NOON
from tests.kernel.processes import shop_environment

RATES = {"read": "100/minute", "write": "3/minute", "ring": "2/hour"}


class BellCracked(Refusal):
    """The bell is cracked."""


class Bells(APIView):
    permission_classes: ClassVar = [AllowAny]
    rung: ClassVar[list[Any]] = []

    def get(self, request: Request) -> Response:
        return Response({"bells": 1})

    @idempotent
    def post(self, request: Request) -> Response:
        if request.data:
            raise BellCracked
        self.rung.append(request.user.pk)
        return Response({"rung": len(self.rung)}, status=201)


class Tower(Bells):
    throttle_scope = "ring"


class Gateway(Bells):
    throttle_classes: ClassVar = []


urlpatterns = [
    path("bells", Bells.as_view()),
    path("tower", Tower.as_view()),
    path("gateway", Gateway.as_view()),
]
handler404 = not_found


@pytest.fixture(autouse=True)
def counted() -> Iterator[None]:
    Bells.rung.clear()
    counter.forget()
    with override_settings(ROOT_URLCONF=__name__, THROTTLE_RATES=RATES):
        yield
    counter.forget()


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def codes(client: APIClient, url: str, count: int, **headers: str) -> list[int]:
    return [client.post(url, headers=headers).status_code for _ in range(count)]


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
class TestAnswers:
    def test_say_what_is_left_and_until_when(
        self, anyone: APIClient, clock: time_machine.Traveller
    ) -> None:
        anyone.post("/bells")
        clock.shift(dt.timedelta(seconds=20.5))
        answer = anyone.post("/bells")

        assert answer.status_code == 201
        assert answer["RateLimit-Policy"] == '"write";q=3;w=60'
        assert answer["RateLimit"] == '"write";r=1;t=40'

    def test_beyond_the_limit_are_429_and_change_nothing(
        self, anyone: APIClient, clock: time_machine.Traveller
    ) -> None:
        assert codes(anyone, "/bells", 3) == [201, 201, 201]
        clock.shift(dt.timedelta(seconds=20.5))
        headers = {"Idempotency-Key": "key-1", "X-Request-ID": "req-1"}
        answer = anyone.post("/bells", headers=headers)

        assert answer.status_code == 429
        assert answer.json() == {
            "type": "/docs/problems#throttled",
            "title": "Too Many Requests",
            "status": 429,
            "code": "throttled",
            "detail": "Request was throttled. Expected available in 40 seconds.",
            "request_id": "req-1",
            "retry_after": 40,
        }
        assert answer["Retry-After"] == "40"
        assert answer["RateLimit"] == '"write";r=0;t=40'
        assert answer["Content-Type"] == "application/problem+json"
        assert (len(Bells.rung), IdempotencyKey.objects.count()) == (3, 0)

    def test_who_waits_as_long_as_was_said_is_let_in_and_not_a_second_sooner(
        self, anyone: APIClient, clock: time_machine.Traveller
    ) -> None:
        codes(anyone, "/bells", 3)
        seconds = int(anyone.post("/bells")["Retry-After"])
        clock.shift(dt.timedelta(seconds=seconds - 1))
        assert codes(anyone, "/bells", 1) == [429]
        clock.shift(dt.timedelta(seconds=1))
        assert codes(anyone, "/bells", 4) == [201, 201, 201, 429]

    def test_a_refused_request_does_not_lengthen_the_wait(
        self, anyone: APIClient, clock: time_machine.Traveller
    ) -> None:
        codes(anyone, "/bells", 30)
        clock.shift(dt.timedelta(seconds=60))
        assert codes(anyone, "/bells", 1) == [201]

    def test_refusals_and_bad_bodies_are_counted_and_say_so(self, anyone: APIClient) -> None:
        refused = anyone.post("/bells", {"tone": 13})
        broken = anyone.generic("POST", "/bells", b"{", content_type="application/json")

        assert (refused.status_code, refused["RateLimit"]) == (409, '"write";r=2;t=60')
        assert (broken.status_code, broken["RateLimit"]) == (400, '"write";r=1;t=60')

    def test_of_scopes_without_a_rate_say_nothing(self, anyone: APIClient) -> None:
        with override_settings(THROTTLE_RATES={}):
            answer = anyone.get("/bells")
        assert "RateLimit" not in answer
        assert "RateLimit" not in anyone.post("/gateway")
        assert ThrottleCount.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
class TestWhoIsCounted:
    def test_a_user_wherever_they_ask_from(self, client_for: Any) -> None:
        here = client_for()
        there = client_for(user_id=here.user_id)
        there.defaults["REMOTE_ADDR"] = "192.0.2.7"
        assert codes(here, "/bells", 2) + codes(there, "/bells", 2) == [201, 201, 201, 429]

    def test_users_behind_one_address_each_for_themselves(self, client_for: Any) -> None:
        assert codes(client_for(), "/bells", 4)[-1] == 429
        assert codes(client_for(), "/bells", 1) == [201]

    def test_guests_by_their_address(self, anyone: APIClient) -> None:
        assert codes(anyone, "/bells", 4)[-1] == 429
        assert codes(APIClient(REMOTE_ADDR="192.0.2.7"), "/bells", 1) == [201]

    def test_of_ipv6_the_network_that_a_customer_has(self) -> None:
        first, second = (APIClient(REMOTE_ADDR=f"2001:db8:1:2::{n}") for n in (1, 2))
        neighbour = APIClient(REMOTE_ADDR="2001:db8:1:3::1")
        assert codes(first, "/bells", 3) + codes(second, "/bells", 1) == [201, 201, 201, 429]
        assert codes(neighbour, "/bells", 1) == [201]

    def test_not_by_what_a_client_claims_to_be_forwarded_for(self, anyone: APIClient) -> None:
        codes(anyone, "/bells", 3)
        for claim in ("192.0.2.1", "192.0.2.2, 192.0.2.3"):
            assert codes(anyone, "/bells", 1, **{"X-Forwarded-For": claim}) == [429]

    def test_behind_our_proxy_by_what_it_adds_to_the_claim(
        self, anyone: APIClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(api_settings, "NUM_PROXIES", 1)
        for n in range(3):
            codes(anyone, "/bells", 1, **{"X-Forwarded-For": f"192.0.2.{n}, 198.51.100.1"})
        same = {"X-Forwarded-For": "192.0.2.9, 198.51.100.1"}
        other = {"X-Forwarded-For": "192.0.2.9, 198.51.100.2"}
        assert codes(anyone, "/bells", 1, **same) + codes(anyone, "/bells", 1, **other) == [
            429,
            201,
        ]

    def test_each_scope_by_itself(self, anyone: APIClient) -> None:
        assert codes(anyone, "/tower", 3) == [201, 201, 429]
        assert codes(anyone, "/bells", 1) == [201]
        assert anyone.get("/tower")["RateLimit-Policy"] == '"read";q=100;w=60'

    def test_staff_may_ask_five_times_as_often(self, client_for: Any) -> None:
        assert codes(client_for("support"), "/bells", 16) == [*[201] * 15, 429]

    def test_no_address_can_be_read_from_the_table(self, anyone: APIClient) -> None:
        anyone.post("/bells")
        row = ThrottleCount.objects.values().get()
        assert (row.pop("key").version is None, row) == (
            True,
            {"scope": "write", "taken": 1, "ends_at": NOON + dt.timedelta(seconds=60)},
        )


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
class TestReads:
    def test_cost_one_statement_for_many(self, anyone: APIClient) -> None:
        with override_settings(THROTTLE_RATES={"read": "1000/minute"}):
            with CaptureQueriesContext(connection) as counted:
                for _ in range(20):
                    anyone.get("/bells")
            assert len(counted) == 1
            answer = anyone.get("/bells")
        assert answer["RateLimit"] == '"read";r=979;t=60'

    def test_of_one_who_is_refused_cost_none(self, anyone: APIClient) -> None:
        with override_settings(THROTTLE_RATES={"read": "1/minute"}):
            assert [anyone.get("/bells").status_code for _ in range(2)] == [200, 429]
            with CaptureQueriesContext(connection) as counted:
                assert anyone.get("/bells").status_code == 429
        assert len(counted) == 0


@pytest.mark.django_db
class TestCounter:
    RATE = Rate(limit=50, seconds=60)

    def take(self, who: Counter, lease: int = 20, at: dt.datetime = NOON) -> Standing:
        return who.take(scope="read", who="anna", rate=self.RATE, lease=lease, at=at)

    def test_grants_the_limit_and_no_more_however_it_is_leased(self) -> None:
        first, second = Counter(), Counter()
        granted = [self.take(each).is_granted for _ in range(60) for each in (first, second)]
        assert granted.count(True) == 50

    def test_tells_what_is_left_of_the_lease_and_of_the_rest(self) -> None:
        first, second = Counter(), Counter()
        ends_at = NOON + dt.timedelta(seconds=60)
        assert self.take(first) == Standing(True, 49, ends_at)
        assert self.take(second) == Standing(True, 29, ends_at)
        assert self.take(first) == Standing(True, 48, ends_at)

    def test_a_lease_ends_with_its_window(self) -> None:
        who, later = Counter(), NOON + dt.timedelta(seconds=60)
        self.take(who)
        assert self.take(who, at=later) == Standing(True, 49, later + dt.timedelta(seconds=60))
        assert ThrottleCount.objects.get().taken == 20

    def test_another_limit_counts_anew(self) -> None:
        who = Counter()
        codes = [
            who.take(scope="s", who="a", rate=Rate(n, 60), lease=1, at=NOON) for n in (1, 1, 2)
        ]
        assert [each.is_granted for each in codes] == [True, False, True]

    def test_holds_no_more_leases_than_memory_has_room_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(counting, "MAX_LEASES", 3)
        who = Counter()
        for n in range(10):
            who.take(scope="read", who=str(n), rate=self.RATE, lease=5, at=NOON)
            assert len(who._leases) <= 3
        assert ThrottleCount.objects.count() == 10

    def test_the_table_is_not_written_to_the_log(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT relpersistence FROM pg_class WHERE relname = 'rest_throttle_count'"
            )
            assert cursor.fetchone()[0] == "u"

    def test_windows_that_have_ended_are_forgotten(self, clock: time_machine.Traveller) -> None:
        for seconds in (0, 59, 60, 61):
            ThrottleCount.objects.create(
                key=uuid.UUID(int=seconds),
                scope="read",
                taken=1,
                ends_at=NOON + dt.timedelta(seconds=seconds),
            )
        clock.shift(dt.timedelta(seconds=60))
        jobs.run("rest.forget_ended_windows")
        assert [row.key.int for row in ThrottleCount.objects.all()] == [61]


@pytest.mark.django_db(transaction=True)
def test_a_refusal_that_rolls_back_leaves_its_count(anyone: APIClient) -> None:
    for _ in range(2):
        assert anyone.post("/tower", {"tone": 13}).status_code == 409
    assert anyone.post("/tower").status_code == 429


@pytest.mark.django_db(transaction=True)
def test_threads_of_one_process_share_a_lease() -> None:
    who, granted, start = Counter(), [], threading.Barrier(4)

    def ask() -> None:
        start.wait(10)
        for _ in range(30):
            standing = who.take(scope="s", who="a", rate=Rate(50, 60), lease=7, at=NOON)
            granted.append(standing.is_granted)
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (granted.count(True), len(granted)) == (50, 120)


_PROCESS = """
import django
django.setup()
from rest_framework.test import APIClient
login = {"email": "nobody@example.com", "password": "wrong"}
answers = [APIClient().post("/api/v1/auth/token", login).status_code for _ in range(6)]
print(*answers)
"""


@pytest.mark.django_db(transaction=True)
def test_two_processes_share_a_count() -> None:
    environment = shop_environment() | {
        "ALLOWED_HOSTS": '["testserver"]',
        "LOG_LEVEL": "ERROR",
        "THROTTLE": "true",
        "THROTTLE_LOGIN": "7/day",
    }
    command = [sys.executable, "-W", "ignore", "-c", _PROCESS]
    processes = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = " ".join(process.communicate(timeout=60)[0] for process in processes).split()
    assert sorted(answers) == ["401"] * 7 + ["429"] * 5
