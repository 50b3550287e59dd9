"""What a query may say: known parameters alone, and which fields the answer has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from django.test import override_settings
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from kernel.bus.models import PersonKey
from kernel.ids import new_id
from kernel.rest import etags
from kernel.rest.fields import QueryForm, StrictSerializer
from kernel.rest.paging import page
from tests.conftest import NOON

pytestmark = pytest.mark.django_db


class BellOutput(serializers.Serializer):
    person_id = serializers.UUIDField()
    erased_at = serializers.DateTimeField()
    label = serializers.CharField()  # type: ignore[assignment]


class Bells(APIView):
    permission_classes: ClassVar = [AllowAny]

    class Query(QueryForm):
        open_prefix = "tone."
        loud = serializers.BooleanField(required=False)

    def get(self, request: Request) -> Response:
        form = self.Query(data=request.query_params)
        form.is_valid(raise_exception=True)
        rows = PersonKey.objects.values("person_id", "erased_at")
        known = [self.Query]
        return page(
            request,
            rows,
            order=("-person_id",),
            render=lambda row: {**row, "label": str(form.validated_data.get("loud"))},
            known=known,
            fields=BellOutput,
        )


class PlainBells(APIView):
    permission_classes: ClassVar = [AllowAny]

    def get(self, request: Request) -> Response:
        return page(request, PersonKey.objects.values("person_id"), order=("-person_id",))


class Bell(APIView):
    permission_classes: ClassVar = [AllowAny]

    def get(self, request: Request) -> Response:
        body = {"person_id": 1, "erased_at": 2, "label": "x"}
        return etags.answer(request, body, version=7, fields=BellOutput)


urlpatterns = [
    path("bells", Bells.as_view()),
    path("plain", PlainBells.as_view()),
    path("bell", Bell.as_view()),
]


@pytest.fixture
def bells() -> Iterator[list[str]]:
    """Three bells, the newest first."""
    rows = [PersonKey(person_id=new_id(), erased_at=NOON) for _ in range(3)]
    PersonKey.objects.bulk_create(rows)
    with override_settings(ROOT_URLCONF=__name__):
        yield [str(row.person_id) for row in reversed(rows)]


class TestFields:
    def test_that_are_chosen_are_all_that_is_answered(
        self, anyone: APIClient, bells: list[str]
    ) -> None:
        answer = anyone.get("/bells?fields=label,person_id&limit=2&loud=false").json()

        assert answer["results"] == [{"person_id": each, "label": "False"} for each in bells[:2]]
        assert anyone.get(answer["next"]).json() == {
            "results": [{"person_id": bells[2], "label": "False"}],
            "next": None,
        }

    @pytest.mark.parametrize(
        ("fields", "unknown"),
        [
            ("label,tone,pitch", ["pitch", "tone"]),
            ("", [""]),
            ("label,", [""]),
            ("Label", ["Label"]),
            (" label", [" label"]),
            ("label.x", ["label.x"]),
            ("__class__", ["__class__"]),
            ("%00", ["\0"]),
        ],
    )
    @pytest.mark.parametrize("url", ["/bells", "/bell"])
    def test_that_are_not_there_are_refused_by_name(
        self, anyone: APIClient, bells: list[str], url: str, fields: str, unknown: list[str]
    ) -> None:
        answer = anyone.get(f"{url}?fields={fields}")

        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_field")
        assert answer.json()["fields"] == unknown

    def test_no_more_than_twenty_are_told(self, anyone: APIClient, bells: list[str]) -> None:
        many = ",".join(f"f{n}" for n in range(500))
        assert len(anyone.get(f"/bell?fields={many}").json()["fields"]) == 20

    def test_of_one_resource_leave_its_tag_as_it_is(
        self, anyone: APIClient, bells: list[str]
    ) -> None:
        answer = anyone.get("/bell?fields=label")
        assert (answer.json(), answer["ETag"]) == ({"label": "x"}, '"v7"')
        again = anyone.get("/bell?fields=label", headers={"If-None-Match": '"v7"'})
        assert again.status_code == 304

    def test_cannot_be_chosen_where_no_form_shows_them(
        self, anyone: APIClient, bells: list[str]
    ) -> None:
        answer = anyone.get("/plain?fields=person_id")
        assert (answer.status_code, answer.json()["parameters"]) == (400, ["fields"])


class TestParameters:
    def test_that_are_known_are_taken(self, anyone: APIClient, bells: list[str]) -> None:
        answer = anyone.get("/bells?limit=1&loud=true&tone.a=1&tone.b=2")
        assert [each["label"] for each in answer.json()["results"]] == ["True"]

    def test_that_are_unknown_are_refused_by_name(
        self, anyone: APIClient, bells: list[str]
    ) -> None:
        answer = anyone.get("/bells?limit=1&Loud=true&x%00y=1&tonea=1")

        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_parameter")
        assert answer.json()["parameters"] == ["Loud", "tonea", "x\0y"]

    def test_a_flag_that_is_left_out_is_neither_true_nor_false(
        self, anyone: APIClient, bells: list[str]
    ) -> None:
        answer = anyone.get("/bells?limit=1").json()
        assert [each["label"] for each in answer["results"]] == ["None"]


def _lists() -> list[str]:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    return [
        url
        for url, operations in paths.items()
        if "{" not in url
        and "limit" in {each["name"] for each in operations.get("get", {}).get("parameters", ())}
    ]


def test_every_list_of_the_shop_refuses_what_it_does_not_know(client_for: Any) -> None:
    urls = [*_lists(), "/api/v1/products/facets"]
    assert len(urls) >= 11
    answers = {url: client_for("admin").get(url, {"nonsense": "1"}) for url in urls}

    assert {url: answer.json().get("parameters") for url, answer in answers.items()} == {
        url: ["nonsense"] for url in urls
    }


def test_every_list_of_the_shop_survives_nuls_in_what_it_knows(client_for: Any) -> None:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    client = client_for("admin")
    for url in [*_lists(), "/api/v1/products/facets"]:
        for parameter in paths[url]["get"]["parameters"]:
            name = parameter["name"].replace("{name}", "colour")
            answer = client.get(f"{url}?{name}=%00a%00")
            assert answer.status_code == 400, (url, name, answer.status_code)


@pytest.mark.parametrize("form", [QueryForm, StrictSerializer])
def test_white_space_counts_for_a_length_as_the_schema_says(form: type) -> None:
    class Named(form):
        name = serializers.CharField(max_length=3)

    fitting, too_long = Named(data={"name": " ab"}), Named(data={"name": " abc"})

    assert fitting.is_valid()
    assert fitting.validated_data == {"name": "ab"}
    assert not too_long.is_valid()
    assert [error.code for error in too_long.errors["name"]] == ["max_length"]
