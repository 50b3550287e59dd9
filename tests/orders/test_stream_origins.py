"""Which pages may listen to the stream process in a browser."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from pytest_django import Settings

from apps.orders.streams.asgi import Streams
from kernel.ids import new_id
from tests.orders.streaming import StreamProcess

OURS = "https://shop.example"
PREFLIGHT = {
    "Access-Control-Request-Method": "GET",
    "Access-Control-Request-Headers": "order-token,last-event-id",
}


@pytest.fixture
def process(settings: Settings) -> Iterator[StreamProcess]:
    settings.CORS_ALLOWED_ORIGINS = [OURS]
    process = StreamProcess(Streams())
    process.start()
    yield process
    process.stop()


def shared(answer: httpx.Response) -> dict[str, str]:
    """Return what the answer tells a browser about other origins."""
    prefix = "access-control-"
    return {k.removeprefix(prefix): v for k, v in answer.headers.items() if k.startswith(prefix)}


@pytest.mark.parametrize("origin", [OURS, "null"])
def test_an_allowed_page_and_one_that_the_api_redirected_may(
    process: StreamProcess, origin: str
) -> None:
    url = f"{process.url}/orders/{new_id()}?ticket=none"
    asked = httpx.options(url, headers={"Origin": origin, **PREFLIGHT})
    refused = httpx.get(url, headers={"Origin": origin})

    assert (asked.status_code, asked.content) == (204, b"")
    assert {k: shared(asked)[k] for k in ("allow-origin", "allow-methods", "max-age")} == {
        "allow-origin": origin,
        "allow-methods": "GET",
        "max-age": "86400",
    }
    assert {"order-token", "last-event-id", "authorization"} <= set(
        shared(asked)["allow-headers"].split(", ")
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "invalid_ticket")
    assert shared(refused)["allow-origin"] == origin
    assert "Retry-After" in shared(refused)["expose-headers"]
    assert refused.headers["Vary"] == "Origin"


def test_another_page_may_not(process: StreamProcess) -> None:
    headers = {"Origin": "https://thief.example"}
    asked = httpx.options(f"{process.url}/orders/{new_id()}", headers={**headers, **PREFLIGHT})
    read = httpx.get(f"{process.url}/health/live", headers=headers)

    assert (shared(asked), shared(read)) == ({}, {})
    assert asked.headers["Vary"] == read.headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", [OURS, "null"])
def test_without_a_setting_none_may(
    process: StreamProcess, settings: Settings, origin: str
) -> None:
    settings.CORS_ALLOWED_ORIGINS = []

    assert shared(httpx.get(f"{process.url}/health/live", headers={"Origin": origin})) == {}


def test_an_options_request_that_is_no_preflight_is_refused(process: StreamProcess) -> None:
    answer = httpx.options(f"{process.url}/health/live", headers={"Origin": OURS})

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
