"""Pictures over the real protocol of S3, with the settings that the shop runs with."""

from __future__ import annotations

import copy
import urllib.request
from collections.abc import Iterator

import boto3
import pytest
from django.conf import settings as django_settings
from django.core.files.storage import storages
from pytest_django.fixtures import Settings

from apps.products import gateway
from tests.aws import REGION, emulator
from tests.products.conftest import picture

__all__ = ["emulator"]  # a fixture
REAL = copy.deepcopy(django_settings.STORAGES["default"])


@pytest.fixture
def files_in_memory(settings: Settings, emulator: str) -> Iterator[None]:
    """Keep files in the emulator's S3 instead."""
    options = {**REAL["OPTIONS"], "endpoint_url": emulator}
    settings.STORAGES = {**settings.STORAGES, "default": {**REAL, "OPTIONS": options}}
    s3 = boto3.client("s3", region_name=REGION, endpoint_url=emulator)
    s3.create_bucket(
        Bucket=settings.MEDIA_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    gateway._base_url.cache_clear()
    yield
    gateway._base_url.cache_clear()


def test_a_picture_is_read_by_anyone_at_its_address(files_in_memory: None) -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        content = picture(kind)
        stored = gateway.store(content)
        assert gateway.store(content) == stored
        url = gateway.picture_url(stored.key)
        assert url == storages["default"].url(stored.key)
        with urllib.request.urlopen(url) as answer:
            seen = (answer.read(), answer.headers["Content-Type"])
        assert seen == (content, f"image/{kind.lower()}")
