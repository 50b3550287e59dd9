"""Pages of other origins: which may use the API in a browser, and what they may send and read."""

from __future__ import annotations

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

OURS, FOREIGN = "https://shop.example", "https://thief.example"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,idempotency-key",
}


@pytest.fixture(autouse=True)
def one_origin(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [OURS]


def test_an_allowed_page_may_send_what_the_api_understands(anyone: APIClient) -> None:
    answer = anyone.options("/api/v1/orders", headers={"Origin": OURS, **PREFLIGHT})

    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, OURS)
    assert set(answer.headers["Access-Control-Allow-Headers"].split(", ")) == {
        "authorization",
        "content-type",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "last-event-id",
        "x-request-id",
        "order-token",
        "cart-token",
    }
    assert {"GET", "POST", "PUT", "PATCH", "DELETE"} <= set(
        answer.headers["Access-Control-Allow-Methods"].split(", ")
    )
    assert answer.headers["Access-Control-Max-Age"] == "86400"
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"),
    [("products", 200), ("orders", 401), ("products/00000000-0000-7000-8000-000000000000", 404)],
)
def test_an_allowed_page_reads_answers_and_refusals_alike(
    anyone: APIClient, path: str, status: int
) -> None:
    answer = anyone.get(f"/api/v1/{path}", headers={"Origin": OURS})

    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, OURS)
    assert answer.headers["Access-Control-Expose-Headers"] == (
        "ETag, Location, X-Request-ID, RateLimit, RateLimit-Policy, Retry-After,"
        " Idempotent-Replayed"
    )
    assert "origin" in answer.headers["Vary"].lower()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "origin", [FOREIGN, "null", f"{OURS}.thief.example", "http://shop.example"]
)
def test_no_other_page_may_read_or_send_anything(anyone: APIClient, origin: str) -> None:
    read = anyone.get("/api/v1/products", headers={"Origin": origin})
    asked = anyone.options("/api/v1/orders", headers={"Origin": origin, **PREFLIGHT})

    assert "Access-Control-Allow-Origin" not in read.headers
    assert "Access-Control-Allow-Origin" not in asked.headers


@pytest.mark.django_db
def test_without_a_setting_no_page_may(anyone: APIClient, settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = []

    answer = anyone.get("/api/v1/products", headers={"Origin": OURS})

    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.django_db
def test_the_admin_is_for_its_own_pages_alone(anyone: APIClient) -> None:
    answer = anyone.get("/admin/login/", headers={"Origin": OURS})

    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
