"""How every app speaks HTTP, on views of the test's own."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from typing import Any, ClassVar

import pytest
import time_machine
from django.db import connections
from django.test import override_settings
from django.urls import path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from kernel.bus import jobs
from kernel.bus.models import OutboxEvent, PersonKey
from kernel.ids import new_id
from kernel.refusals import Refusal
from kernel.rest import etags
from kernel.rest.idempotency import idempotent
from kernel.rest.models import IdempotencyKey
from kernel.rest.paging import page
from kernel.rest.problems import not_found, server_error
from kernel.rest.roles import role
from kernel.transactions import in_transaction, transaction
from tests.conftest import NOON


class BellCracked(Refusal):
    """The bell is cracked."""


class Bells(APIView):
    permission_classes: ClassVar = [AllowAny]
    rung: ClassVar[list[int]] = []

    class Input(serializers.Serializer):
        class Peal(serializers.Serializer):
            tone = serializers.IntegerField(min_value=1)

        peals = Peal(many=True)

    def get(self, request: Request) -> Response:
        rows = PersonKey.objects.values("person_id", "erased_at")
        return page(request, rows, order=("-erased_at", "-person_id"))

    @idempotent
    def post(self, request: Request) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        tone = form.validated_data["peals"][0]["tone"]
        if tone == 13:
            raise BellCracked("The bell is cracked at 13.", tone=13)
        assert in_transaction()
        self.rung.append(tone)
        return Response({"rung": len(self.rung)}, status=201)


class Bell(APIView):
    permission_classes: ClassVar = [role("ringer")]

    def get(self, request: Request) -> Response:
        return etags.answer(request, {"tone": 1}, version=7)

    def put(self, request: Request) -> Response:
        return Response({"version": etags.if_match(request)})

    def delete(self, request: Request) -> Response:
        raise ZeroDivisionError


urlpatterns = [path("bells", Bells.as_view()), path("bell", Bell.as_view())]
handler404, handler500 = not_found, server_error
BODY = {"peals": [{"tone": 3}]}


@pytest.fixture(autouse=True)
def urls() -> Any:
    Bells.rung = []
    with override_settings(ROOT_URLCONF=__name__, DEBUG=False):
        yield


@pytest.mark.django_db
class TestProblems:
    def test_a_refusal_is_a_409_with_its_code_facts_and_request_id(self, anyone: APIClient) -> None:
        answer = anyone.post("/bells", {"peals": [{"tone": 13}]}, headers={"X-Request-ID": "req-1"})

        assert answer.status_code == 409
        assert answer["Content-Type"] == "application/problem+json"
        assert answer["X-Request-ID"] == "req-1"
        assert answer.json() == {
            "type": "/docs/problems#bell_cracked",
            "title": "Conflict",
            "status": 409,
            "code": "bell_cracked",
            "detail": "The bell is cracked at 13.",
            "request_id": "req-1",
            "tone": 13,
        }

    def test_every_invalid_field_is_named(self, anyone: APIClient) -> None:
        answer = anyone.post("/bells", {"peals": [{"tone": 1}, {"tone": 0}, {}]})

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [
            ("peals.1.tone", "min_value"),
            ("peals.2.tone", "required"),
        ]

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            (b"{", 400, "parse_error"),
            (b"[" * 100_000, 400, "body_too_deep"),
            (b'{"peals": 1}', 400, "invalid"),
            (b'"text"', 400, "invalid"),
            (b'{"peals": "' + b"x" * 1_000_001 + b'"}', 413, "body_too_large"),
        ],
    )
    def test_bad_bodies_get_a_problem(
        self, anyone: APIClient, body: bytes, status: int, code: str
    ) -> None:
        answer = anyone.generic("POST", "/bells", body, content_type="application/json")

        assert (answer.status_code, answer.json()["code"]) == (status, code)

    @pytest.mark.parametrize(
        ("method", "url", "status", "code"),
        [
            ("get", "/nowhere", 404, "not_found"),
            ("get", "/bell", 401, "not_authenticated"),
            ("patch", "/bells", 405, "method_not_allowed"),
        ],
    )
    def test_other_errors_get_one_too(
        self, anyone: APIClient, method: str, url: str, status: int, code: str
    ) -> None:
        answer = getattr(anyone, method)(url)

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer["Content-Type"] == "application/problem+json"

    def test_a_bug_is_a_500_that_tells_nothing_but_the_request_id(self, client_for: Any) -> None:
        client = client_for("ringer")
        client.raise_request_exception = False
        answer = client.delete("/bell")

        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert answer.json()["request_id"] == answer["X-Request-ID"]

    def test_a_malformed_request_id_is_replaced(self, anyone: APIClient) -> None:
        answer = anyone.get("/bells", headers={"X-Request-ID": "two words"})

        assert uuid.UUID(answer["X-Request-ID"]).version == 7


@pytest.mark.django_db
class TestRoles:
    @pytest.mark.parametrize(
        ("roles", "status"), [((), 403), (("cook",), 403), (("ringer",), 200), (("admin",), 200)]
    )
    def test_let_in_their_own_and_admins(
        self, client_for: Any, roles: tuple[str, ...], status: int
    ) -> None:
        assert client_for(*roles).get("/bell").status_code == status

    def test_a_forged_token_is_refused(self, anyone: APIClient) -> None:
        answer = anyone.get("/bell", headers={"Authorization": "Bearer x.y.z"})

        assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")

    @pytest.mark.parametrize("header", ["Bearer", "Bearer one two"])
    def test_a_header_without_one_token_is_refused(self, anyone: APIClient, header: str) -> None:
        answer = anyone.get("/bell", headers={"Authorization": header})

        assert answer.status_code == 401
        assert answer.json()["code"] in {"bad_authorization_header", "not_authenticated"}
        assert answer["WWW-Authenticate"] == 'Bearer realm="api"'

    def test_are_read_from_the_token_without_a_query(
        self, client_for: Any, django_assert_num_queries: Any
    ) -> None:
        with django_assert_num_queries(0):
            client_for("ringer").get("/bell")


@pytest.mark.django_db
class TestIdempotency:
    def post(self, client: APIClient, body: object = BODY, key: str = "key-1") -> Any:
        return client.post("/bells", body, headers={"Idempotency-Key": key})

    def test_the_same_post_twice_has_one_effect_and_one_answer(self, anyone: APIClient) -> None:
        first, second = self.post(anyone), self.post(anyone)

        assert Bells.rung == [3]
        assert (
            (first.status_code, first.json())
            == (second.status_code, second.json())
            == (201, {"rung": 1})
        )
        assert "Idempotent-Replayed" not in first
        assert second["Idempotent-Replayed"] == "true"

    def test_another_body_under_the_same_key_is_refused(self, client_for: Any) -> None:
        client = client_for()
        self.post(client)
        answer = self.post(client, {"peals": [{"tone": 4}]})

        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
        assert Bells.rung == [3]

    def test_strangers_who_chose_the_same_key_learn_nothing_of_each_other(
        self, anyone: APIClient
    ) -> None:
        first, second = self.post(anyone), self.post(anyone, {"peals": [{"tone": 4}]})

        assert [first.json(), second.json()] == [{"rung": 1}, {"rung": 2}]
        assert "Idempotent-Replayed" not in second
        assert Bells.rung == [3, 4]

    def test_a_refusal_is_judged_anew(self, anyone: APIClient) -> None:
        for _ in range(2):
            assert self.post(anyone, {"peals": [{"tone": 13}]}).status_code == 409
        assert IdempotencyKey.objects.count() == 0

    def test_keys_are_a_callers_own(self, anyone: APIClient, client_for: Any) -> None:
        for client in (anyone, client_for(), client_for()):
            assert "Idempotent-Replayed" not in self.post(client)
        assert Bells.rung == [3, 3, 3]

    @pytest.mark.parametrize("key", ["", "x" * 256])
    def test_a_key_has_bounds(self, anyone: APIClient, key: str) -> None:
        assert self.post(anyone, key=key).json()["code"] == "invalid_idempotency_key"

    def test_a_post_without_a_key_runs_each_time(self, anyone: APIClient) -> None:
        for _ in range(2):
            anyone.post("/bells", BODY)
        assert Bells.rung == [3, 3]


@pytest.mark.django_db(transaction=True)
def test_a_second_request_beside_a_running_one_is_told_to_wait(anyone: APIClient) -> None:
    started, go_on, codes = threading.Event(), threading.Event(), []

    class Slow(list[int]):
        def append(self, tone: int) -> None:
            started.set()
            assert go_on.wait(10)
            super().append(tone)

    def post() -> None:
        headers = {"Idempotency-Key": "key-1"}
        codes.append(APIClient().post("/bells", BODY, headers=headers).status_code)
        connections.close_all()

    Bells.rung = Slow()
    first = threading.Thread(target=post)
    first.start()
    assert started.wait(10)
    second = anyone.post("/bells", BODY, headers={"Idempotency-Key": "key-1"})
    go_on.set()
    first.join()

    assert (codes, second.status_code, second.json()["code"]) == ([201], 409, "request_in_progress")
    assert Bells.rung == [3]


@pytest.mark.django_db
class TestEntityTags:
    def test_a_known_version_is_not_sent_again(self, client_for: Any) -> None:
        client = client_for("ringer")
        tag = client.get("/bell")["ETag"]
        again = client.get("/bell", headers={"If-None-Match": f'"other", {tag}'})

        assert (tag, again.status_code, again.content, again["ETag"]) == ('"v7"', 304, b"", tag)

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({}, 428),
            ({"If-Match": "*"}, 412),
            ({"If-Match": '"x"'}, 412),
            ({"If-Match": '"v7"'}, 200),
        ],
    )
    def test_a_change_names_the_version_it_read(
        self, client_for: Any, headers: dict[str, str], status: int
    ) -> None:
        assert client_for("ringer").put("/bell", headers=headers).status_code == status


@pytest.mark.django_db
class TestPaging:
    def rows(self, count: int) -> list[str]:
        made = PersonKey.objects.bulk_create(
            PersonKey(person_id=new_id(), erased_at=NOON) for _ in range(count)
        )
        return [str(row.person_id) for row in reversed(made)]

    def test_pages_hold_every_row_once_even_with_ties(self, anyone: APIClient) -> None:
        ids, found, url = self.rows(7), [], "/bells?limit=3"
        while url:
            answer = anyone.get(url).json()
            found.append([row["person_id"] for row in answer["results"]])
            url = answer["next"]

        assert found == [ids[:3], ids[3:6], ids[6:]]

    def test_a_row_that_comes_meanwhile_moves_nothing(self, anyone: APIClient) -> None:
        ids = self.rows(4)
        first = anyone.get("/bells?limit=2").json()
        self.rows(1)
        second = anyone.get(first["next"]).json()

        assert [row["person_id"] for row in second["results"]] == ids[2:]
        assert second["next"] is None

    @pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "", "9" * 30])
    def test_a_limit_has_bounds(self, anyone: APIClient, limit: str) -> None:
        assert anyone.get(f"/bells?limit={limit}").json()["code"] == "invalid_limit"

    @pytest.mark.parametrize(
        "cursor", ["x", "bnVsbA", "WzFd", "W251bGwsbnVsbF0", "WyJ4IiwieCJd", "%00"]
    )
    def test_a_cursor_that_is_not_ours_is_refused(self, anyone: APIClient, cursor: str) -> None:
        assert anyone.get(f"/bells?cursor={cursor}").json()["code"] == "invalid_cursor"

    @pytest.mark.parametrize("count", [1, 100])
    def test_costs_one_query_whatever_the_length(
        self, anyone: APIClient, count: int, django_assert_num_queries: Any
    ) -> None:
        self.rows(count)
        with django_assert_num_queries(1):
            anyone.get("/bells?limit=100")


@pytest.mark.django_db
def test_a_durable_transaction_may_not_lie_in_another() -> None:
    with transaction(), pytest.raises(RuntimeError), transaction():
        pass
    assert OutboxEvent.objects.count() == 0


@pytest.mark.django_db
def test_stored_answers_are_forgotten_after_a_day() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        for count, age in ((1001, "old"), (1, "young")):
            rows = [
                IdempotencyKey(
                    scope=f"{age} {n}",
                    fingerprint="f",
                    status=201,
                    body={},
                    created_at=timezone.now(),
                )
                for n in range(count)
            ]
            IdempotencyKey.objects.bulk_create(rows)
            clock.shift(dt.timedelta(seconds=1))
        clock.move_to(NOON + dt.timedelta(days=1, seconds=1))
        jobs.run("rest.forget_old_answers")
        assert list(IdempotencyKey.objects.values_list("scope", flat=True)) == ["young 0"]
