"""Pictures over the real protocol of S3, with the settings that the shop runs with."""

from __future__ import annotations

import copy
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest
from django.conf import settings as django_settings
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from apps.products import gateway
from kernel.bus import queues
from kernel.bus.testing import run_until_quiet
from tests.aws import REGION, emulator
from tests.products.conftest import picture

__all__ = ["emulator"]  # a fixture
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("files_in_memory")]
REAL = copy.deepcopy(django_settings.STORAGES["default"])
Made = Callable[..., uuid.UUID]
LARGE = picture("JPEG", (1600, 800))


@pytest.fixture
def files_in_memory(settings: Settings, emulator: str) -> Iterator[None]:
    """Keep files in the emulator's S3 instead."""
    options = {**REAL["OPTIONS"], "endpoint_url": emulator}
    settings.STORAGES = {**settings.STORAGES, "default": {**REAL, "OPTIONS": options}}
    settings.AWS_ENDPOINT_URL, settings.AWS_REGION = emulator, REGION
    queues.create_buckets()
    gateway.files._base_url.cache_clear()
    yield
    gateway.files._base_url.cache_clear()


def announced(admin: APIClient, product_id: uuid.UUID, content: bytes, kind: str) -> Any:
    body = {"content_type": f"image/{kind}", "size_bytes": len(content)}
    return admin.post(f"/api/v1/products/{product_id}/pictures", body).json()


def sent(form: dict[str, Any], content: bytes) -> int:
    """Upload as a browser would; return the storage's status."""
    file = {"file": ("any name", content)}
    return httpx.post(form["url"], data=form["fields"], files=file).status_code


def read(admin: APIClient, product_id: uuid.UUID, picture_id: str) -> Any:
    return admin.get(f"/api/v1/products/{product_id}/pictures/{picture_id}").json()


def uploaded(settings: Settings) -> list[str]:
    s3 = boto3.client("s3", region_name=REGION, endpoint_url=settings.AWS_ENDPOINT_URL)
    return [
        each["Key"]
        for each in s3.list_objects_v2(Bucket=settings.UPLOADS_BUCKET).get("Contents", ())
    ]


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_a_picture_is_uploaded_and_read_by_anyone_in_its_sizes(
    admin: APIClient, made: Made, settings: Settings, kind: str
) -> None:
    product_id, content = made("LAMP-1"), picture(kind.upper(), (1600, 800))
    body = announced(admin, product_id, content, kind)
    assert sent(body["upload"], content) in {200, 201, 204}
    admin.post(f"/api/v1/products/{product_id}/pictures/{body['id']}/complete")
    run_until_quiet(only={"products-outside"})
    found = read(admin, product_id, body["id"])
    assert (found["state"], [size["width"] for size in found["sizes"]]) == (
        "READY",
        [160, 480, 1200],
    )
    for size in found["sizes"]:
        with urllib.request.urlopen(size["url"]) as answer:
            assert answer.headers["Content-Type"] == "image/webp"
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert answer.read(4) == b"RIFF"
    assert f"pictures/{body['id']}" not in uploaded(settings)


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (LARGE + b"x", {}),
        (LARGE[:-1], {}),
        (LARGE, {"Content-Type": "text/html"}),
        (LARGE, {"key": "pictures/of-someone-else"}),
    ],
    ids=["longer", "shorter", "another type", "another name"],
)
def test_the_storage_takes_nothing_but_what_was_announced(
    admin: APIClient, made: Made, settings: Settings, content: bytes, fields: dict[str, str]
) -> None:
    product_id = made("LAMP-1")
    body = announced(admin, product_id, LARGE, "jpeg")
    form = {**body["upload"], "fields": {**body["upload"]["fields"], **fields}}
    before = uploaded(settings)
    assert sent(form, content) in {400, 403}
    assert uploaded(settings) == before
    admin.post(f"/api/v1/products/{product_id}/pictures/{body['id']}/complete")
    run_until_quiet(only={"products-outside"})
    assert read(admin, product_id, body["id"])["reason"] == "nothing_uploaded"


def test_what_is_no_picture_is_refused_and_deleted(
    admin: APIClient, made: Made, settings: Settings
) -> None:
    product_id, content = made("LAMP-1"), b"<script>"
    body = announced(admin, product_id, content, "png")
    assert sent(body["upload"], content) in {200, 201, 204}
    assert f"pictures/{body['id']}" in uploaded(settings)
    admin.post(f"/api/v1/products/{product_id}/pictures/{body['id']}/complete")
    run_until_quiet(only={"products-outside"})
    assert read(admin, product_id, body["id"])["reason"] == "not_a_picture"
    assert f"pictures/{body['id']}" not in uploaded(settings)


def test_a_browser_of_any_site_may_upload(admin: APIClient, made: Made) -> None:
    body = announced(admin, made("LAMP-1"), LARGE, "jpeg")
    headers = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    answer = httpx.options(body["upload"]["url"], headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] in {"*", "https://shop.example"}
