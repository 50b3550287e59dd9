"""Imports as support sees them over REST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.invoices.gateway import FakeUploads
from apps.invoices.models import Import
from kernel.bus.testing import published
from kernel.ids import new_id
from tests.invoices.legacy import asked_for, file_of, line, numbered, told, uploaded
from tests.invoices.scenes import flow

pytestmark = pytest.mark.django_db
API = "/api/v1/invoices/imports"
SHA256 = "ab" * 32


@pytest.fixture
def support(client_for: Callable[..., APIClient]) -> APIClient:
    return client_for("support")


def test_an_import_is_asked_for(support: APIClient, uploads: FakeUploads) -> None:
    answer = support.post(API, {"size_bytes": 70, "sha256": SHA256})

    body = answer.json()
    source = Import.objects.get()
    assert (answer.status_code, answer["Location"], answer["ETag"]) == (
        201,
        f"{API}/{source.id}",
        '"v1"',
    )
    assert body == {
        "id": str(source.id),
        "state": "GENERATED",
        "reason": None,
        "size_bytes": 70,
        "bytes_read": 0,
        "percent": 0,
        "lines_read": 0,
        "outcomes": {"ok": 0, "empty_products_list": 0, "invalid": 0, "duplicate": 0},
        "created_at": body["created_at"],
        "expires_at": body["expires_at"],
        "received_at": None,
        "finished_at": None,
        "version": 1,
        "upload": {
            "url": f"https://uploads.example/invoice-imports/{source.id}",
            "headers": {"Content-Length": "70", "hash": SHA256},
        },
    }
    assert source.asked_by == support.user_id  # type: ignore[attr-defined]
    del body["upload"]
    assert support.get(answer["Location"]).json() == body


def test_the_same_key_asks_for_one_import(support: APIClient, uploads: FakeUploads) -> None:
    headers = {"Idempotency-Key": "one"}
    first, second = (support.post(API, {"size_bytes": 70}, headers=headers) for _ in range(2))

    assert first.json() == second.json()
    assert Import.objects.count() == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"size_bytes": 0},
        {"size_bytes": 5_000_000_001},
        {"size_bytes": "70"},
        {"size_bytes": 70, "sha256": "AB" * 32},
        {"size_bytes": 70, "sha256": "ab"},
        {"size_bytes": 70, "content_type": "text/plain"},
    ],
)
def test_an_import_of_what_can_not_be_is_refused(body: Any, support: APIClient) -> None:
    answer = support.post(API, body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert not Import.objects.exists()
    assert published() == []


def test_an_import_is_followed(support: APIClient, uploads: FakeUploads) -> None:
    source = uploaded(uploads, numbered(3))
    waiting = support.get(f"{API}/{source.id}")
    assert (waiting.json()["state"], waiting.json()["percent"]) == ("FILE_RECEIVED", 0)
    known = {"If-None-Match": waiting["ETag"]}
    assert support.get(f"{API}/{source.id}", headers=known).status_code == 304
    flow()

    done = support.get(f"{API}/{source.id}", headers=known).json()

    assert (done["state"], done["percent"], done["lines_read"]) == ("FILE_PROCESSED", 100, 3)
    assert done["outcomes"] == {"ok": 3, "empty_products_list": 0, "invalid": 0, "duplicate": 0}
    assert done["received_at"] < done["finished_at"]


def test_a_failed_import_tells_why(support: APIClient, uploads: FakeUploads) -> None:
    source = asked_for(numbered(3))
    told(source.key, source.size_bytes)
    flow()

    found = support.get(f"{API}/{source.id}").json()

    assert (found["state"], found["reason"]) == ("ERROR", "file_gone")


def test_imports_are_listed_newest_first_and_by_state(
    support: APIClient, uploads: FakeUploads
) -> None:
    done, waiting = uploaded(uploads, numbered(1)), asked_for(b"x")
    flow()

    def ids(query: str) -> list[str]:
        return [each["id"] for each in support.get(f"{API}{query}").json()["results"]]

    assert ids("") == [str(waiting.id), str(done.id)]
    assert ids("?state=FILE_PROCESSED") == [str(done.id)]
    assert ids("?state=ERROR") == []
    first = support.get(f"{API}?limit=1").json()
    assert [each["id"] for each in support.get(first["next"]).json()["results"]] == [str(done.id)]


def test_lines_are_listed_in_their_order_page_by_page_and_by_outcome(
    support: APIClient, uploads: FakeUploads
) -> None:
    content = file_of(
        line("A-1"), b"no JSON", line("A-2", products=[]), b"", line("A-1"), line("A-3"), b"[]"
    )
    source = uploaded(uploads, content)
    uploaded(uploads, numbered(2, "B"))
    flow()
    url = f"{API}/{source.id}/lines"

    first = support.get(f"{url}?limit=4").json()
    second = support.get(first["next"]).json()

    def shown(number: int, outcome: str, invoice: str | None, reason: str | None = None) -> Any:
        return {"number": number, "outcome": outcome, "invoice_number": invoice, "reason": reason}

    assert first["results"] == [
        shown(1, "OK", "A-1"),
        shown(2, "INVALID", None, "It is not JSON."),
        shown(3, "EMPTY_PRODUCTS_LIST", "A-2"),
        shown(5, "DUPLICATE", "A-1"),
    ]
    assert second == {
        "results": [shown(6, "OK", "A-3"), shown(7, "INVALID", None, "It is no object.")],
        "next": None,
    }
    invalid = support.get(f"{url}?outcome=INVALID&limit=1").json()
    assert [each["number"] for each in invalid["results"]] == [2]
    rest = support.get(invalid["next"]).json()["results"]
    assert [each["number"] for each in rest] == [7]


@pytest.mark.parametrize("path", ["", "/lines"])
def test_an_import_that_is_not_there_is_not_found(path: str, support: APIClient) -> None:
    answer = support.get(f"{API}/{new_id()}{path}")

    assert (answer.status_code, answer.json()["code"]) == (404, "import_not_found")
