"""What bodies, paths and headers may be, and what is answered when they are something else."""

from __future__ import annotations

import gzip
from typing import Any, ClassVar

import orjson
import pytest
from django.test import override_settings
from django.urls import get_resolver, path
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from kernel.bus.models import OutboxEvent
from kernel.rest import etags
from kernel.rest.fields import StrictSerializer
from kernel.rest.headers import EXPOSED
from kernel.rest.problems import bad_request, not_found, server_error
from kernel.rest.rendering import JSONParser, JSONRenderer

SHORT, LONG = {"text": "x"}, {"text": "x" * 2_000}


class Echo(APIView):
    permission_classes: ClassVar = [AllowAny]

    def post(self, request: Request) -> Response:
        return Response(request.data)


class Strict(APIView):
    permission_classes: ClassVar = [AllowAny]

    class Input(StrictSerializer):
        number = serializers.IntegerField(min_value=0, max_value=100)

    def post(self, request: Request) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(form.validated_data)


class Page(APIView):
    permission_classes: ClassVar = [AllowAny]
    body: ClassVar[dict[str, Any]] = LONG

    def get(self, request: Request) -> Response:
        return etags.answer(request, self.body, version=7)

    def put(self, request: Request) -> Response:
        return Response({"version": etags.if_match(request)})


class ShortPage(Page):
    body = SHORT


class File(APIView):
    permission_classes: ClassVar = [AllowAny]

    def get(self, request: Request) -> Response:
        return Response(LONG, content_type="application/pdf")


class Broken(APIView):
    permission_classes: ClassVar = [AllowAny]

    def get(self, request: Request) -> Response:
        raise ZeroDivisionError


urlpatterns = [
    path("echo", Echo.as_view()),
    path("strict", Strict.as_view()),
    path("page", Page.as_view()),
    path("short", ShortPage.as_view()),
    path("file", File.as_view()),
    path("broken", Broken.as_view()),
    path("named/<str:name>", Page.as_view()),
]
handler400, handler404, handler500 = bad_request, not_found, server_error


@pytest.fixture(autouse=True)
def urls() -> Any:
    with override_settings(ROOT_URLCONF=__name__, DEBUG=False):
        yield


def post(client: APIClient, body: bytes, url: str = "/echo", **headers: str) -> Any:
    return client.generic("POST", url, body, content_type="application/json", headers=headers)


def nested(depth: int) -> bytes:
    return b'{"a":[' * (depth // 2) + b"]}" * (depth // 2)


class TestBodies:
    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            (b"", 400, "invalid"),
            (b"{", 400, "parse_error"),
            (b'{"number": "\xff"}', 400, "parse_error"),
            (b'{"number": "\\ud800"}', 400, "parse_error"),
            (b'{"number": NaN}', 400, "parse_error"),
            (b'{"number": 1e999}', 400, "parse_error"),
            (b'{"number": %s}' % (b"9" * 5_000), 400, "parse_error"),
            (b'{"number": 99999999999999999999999999}', 400, "invalid"),
            (b'{"number": 1e300}', 400, "invalid"),
            (b'{"number": "%s"}' % (b"9" * 5_000), 400, "invalid"),
            (b'{"number": true}', 400, "invalid"),
            (b'{"number": {"number": 1}}', 400, "invalid"),
            (b'[{"number": 1}]', 400, "invalid"),
            (b"1", 400, "invalid"),
            (b"null", 400, "invalid"),
            (b'{"number": 1, "number": 2}', 400, "duplicate_key"),
            (b'{"number": 1, "n\\u0075mber": 2}', 400, "duplicate_key"),
            (nested(22), 400, "body_too_deep"),
            (nested(1_022), 400, "body_too_deep"),
            (nested(100_000), 400, "body_too_deep"),
            (b"[" * 100_000, 400, "body_too_deep"),
            (b"x" * 1_000_001, 413, "body_too_large"),
        ],
    )
    def test_that_are_not_right_get_a_problem_with_a_code(
        self, anyone: APIClient, body: bytes, status: int, code: str
    ) -> None:
        answer = post(anyone, body, "/strict")

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer["Content-Type"] == "application/problem+json"

    def test_that_are_too_much_are_told_the_limit(self, anyone: APIClient) -> None:
        assert post(anyone, b"x" * 1_000_001).json()["most"] == 1_000_000
        assert post(anyone, nested(22)).json()["most"] == 20

    @pytest.mark.parametrize(
        "body",
        [
            nested(20),
            b'{"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]}',
            rb'{"a:\"b\\": ":", "": "\"\\\\"}',
            rb'{"a": "\\u0000"}',
            b"[" + b"1," * 490_000 + b"1]",
            b'"text"',
            b"null",
        ],
    )
    def test_that_are_right_come_through_as_they_are(self, anyone: APIClient, body: bytes) -> None:
        answer = post(anyone, body)

        assert answer.status_code == 200
        assert (answer.content or b"null") == orjson.dumps(orjson.loads(body))

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            (rb'{"a": "x\u0000"}', ["a"]),
            (rb'{"a": [{"b": "x"}, {"b": "\u0000"}]}', ["a.1.b"]),
            (rb'{"a": {"b\u0000": 1}}', ["a"]),
            (rb'"\u0000"', [""]),
        ],
    )
    def test_with_a_nul_are_refused_wherever_it_stands(
        self, anyone: APIClient, body: bytes, fields: list[str]
    ) -> None:
        answer = post(anyone, body)

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert [(each["field"], each["code"]) for each in answer.json()["errors"]] == [
            (field, "null_characters_not_allowed") for field in fields
        ]


class TestOtherRefusals:
    def test_a_body_of_another_type_is_415(self, anyone: APIClient) -> None:
        answer = anyone.generic("POST", "/echo", b"<a/>", content_type="text/xml")
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")

    def test_another_method_is_405_and_told_which_there_are(self, anyone: APIClient) -> None:
        answer = anyone.delete("/echo")
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer["Allow"] == "POST, OPTIONS"

    def test_who_takes_no_json_gets_406_as_json(self, anyone: APIClient) -> None:
        answer = anyone.get("/page", headers={"Accept": "text/html"})
        assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")
        assert answer["Content-Type"] == "application/problem+json"

    def test_a_format_in_the_query_is_no_matter(self, anyone: APIClient) -> None:
        assert anyone.get("/page?format=xml").status_code == 200

    def test_nothing_stands_at_a_path_with_a_nul(self, anyone: APIClient) -> None:
        answer = anyone.get("/named/a%00b")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    def test_a_host_that_is_not_ours_is_400(self, anyone: APIClient) -> None:
        answer = anyone.get("/page", headers={"Host": "evil.example"})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")

    @pytest.mark.parametrize(
        ("url", "headers", "status"),
        [
            ("/page", {}, 200),
            ("/nowhere", {}, 404),
            ("/named/%00", {}, 404),
            ("/page", {"Host": "evil.example"}, 400),
            ("/page", {"Accept": "text/html"}, 406),
            ("/page", {"If-None-Match": '"v7"'}, 304),
            ("/broken", {}, 500),
        ],
    )
    def test_every_answer_has_the_request_id_it_was_given(
        self, anyone: APIClient, url: str, headers: dict[str, str], status: int
    ) -> None:
        anyone.raise_request_exception = False
        answer = anyone.get(url, headers={**headers, "X-Request-ID": "req-1"})
        assert (answer.status_code, answer["X-Request-ID"]) == (status, "req-1")

    def test_and_so_has_one_to_a_body_that_is_too_large(self, anyone: APIClient) -> None:
        answer = post(anyone, b"x" * 1_000_001, **{"X-Request-ID": "req-1"})
        assert (answer["X-Request-ID"], answer.json()["request_id"]) == ("req-1", "req-1")

    @pytest.mark.parametrize("given", ["", "two words", "x" * 65, "a\tb", "<b>", "ü"])
    def test_a_request_id_that_is_not_well_formed_is_replaced(
        self, anyone: APIClient, given: str
    ) -> None:
        answer = anyone.get("/page", headers={"X-Request-ID": given})
        assert answer["X-Request-ID"] != given
        assert len(answer["X-Request-ID"]) == 36


@pytest.mark.django_db
def test_the_request_id_stands_on_every_event_that_the_request_causes(anyone: APIClient) -> None:
    body = {"email": "anna@example.com", "password": "correct horse battery", "name": "Anna"}
    with override_settings(ROOT_URLCONF="ecommerce.urls"):
        answer = anyone.post("/api/v1/users", body, headers={"X-Request-ID": "req-1"})

    assert answer.status_code == 201
    ids = OutboxEvent.objects.values_list("correlation_id", flat=True)
    assert (len(ids), set(ids)) == (2, {"req-1"})


def test_a_page_of_another_origin_may_see_what_our_answers_say_in_headers() -> None:
    said = {"ETag", "Location", "RateLimit", "RateLimit-Policy", "Retry-After"}
    assert set(EXPOSED) == said | {"Idempotent-Replayed", "X-Request-ID"}


class TestCompression:
    def get(self, client: APIClient, url: str = "/page", **headers: str) -> Any:
        return client.get(url, headers={"Accept-Encoding": "gzip, br", **headers})

    def test_sends_a_long_answer_compressed(self, anyone: APIClient) -> None:
        answer = self.get(anyone)

        assert orjson.loads(gzip.decompress(answer.content)) == LONG
        assert answer["Content-Encoding"] == "gzip"
        assert answer["Content-Length"] == str(len(answer.content))
        assert len(answer.content) < 300
        assert "Accept-Encoding" in answer["Vary"]

    @pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip; q=0.0, br", "identity"])
    def test_sends_it_plain_to_who_does_not_want_that_and_says_that_it_depends(
        self, anyone: APIClient, accepted: str
    ) -> None:
        answer = self.get(anyone, **{"Accept-Encoding": accepted})

        assert orjson.loads(answer.content) == LONG
        assert "Content-Encoding" not in answer
        assert "Accept-Encoding" in answer["Vary"]
        assert answer["ETag"] == '"v7"'

    @pytest.mark.parametrize("url", ["/short", "/file"])
    def test_leaves_short_answers_and_files_alone(self, anyone: APIClient, url: str) -> None:
        assert "Content-Encoding" not in self.get(anyone, url)

    def test_compresses_long_problems_as_well(self, anyone: APIClient) -> None:
        body = orjson.dumps({f"field{n}": n for n in range(50)})
        answer = post(anyone, body, "/strict", **{"Accept-Encoding": "gzip"})

        assert answer["Content-Encoding"] == "gzip"
        assert orjson.loads(gzip.decompress(answer.content))["code"] == "invalid"

    def test_hides_the_length_of_what_it_sends(self, anyone: APIClient) -> None:
        assert len({len(self.get(anyone).content) for _ in range(20)}) > 1

    def test_makes_the_tag_weak_and_knows_it_again(self, anyone: APIClient) -> None:
        tag = self.get(anyone)["ETag"]
        again = self.get(anyone, **{"If-None-Match": tag})

        assert (tag, again.status_code, again["ETag"]) == ('W/"v7"', 304, 'W/"v7"')

    def test_a_strong_tag_stays_known(self, anyone: APIClient) -> None:
        again = self.get(anyone, **{"If-None-Match": '"v7"'})
        assert (again.status_code, again["ETag"]) == (304, '"v7"')

    def test_a_change_may_name_the_tag_of_a_compressed_answer(self, anyone: APIClient) -> None:
        tag = self.get(anyone)["ETag"]
        assert anyone.put("/page", headers={"If-Match": tag}).json() == {"version": 7}


def test_every_endpoint_gives_json_and_takes_it_by_the_parser_that_judges_it() -> None:
    views = {getattr(each.callback, "cls", APIView) for each in _patterns("ecommerce.urls")}
    ours = [view for view in views if view.__module__.startswith("apps.")]
    assert len(ours) > 40
    assert {(*view.renderer_classes,) for view in ours} == {(JSONRenderer,)}
    # A file comes as a form; what a form's fields hold is judged by their serializer.
    assert {(*view.parser_classes,) for view in ours} - {(MultiPartParser,)} == {(JSONParser,)}


def _patterns(urls: Any) -> list[Any]:
    found = []
    for each in get_resolver(urls).url_patterns if isinstance(urls, str) else urls.url_patterns:
        found += _patterns(each) if hasattr(each, "url_patterns") else [each]
    return found
