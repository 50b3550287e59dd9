from __future__ import annotations

import base64
import datetime as dt
import hashlib
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import time_machine
from botocore.exceptions import ClientError
from django.conf import settings
from django.core.files.storage import storages
from django.test import override_settings

from apps.invoices.gateway import StorageDocumentStore
from kernel.ids import new_id
from tests.aws import emulator

__all__ = ["emulator"]


@pytest.fixture
def bucket(emulator: str) -> Iterator[Any]:
    """Let the storage `invoices` be a bucket of the emulator."""
    bucket = boto3.resource("s3", endpoint_url=emulator).Bucket(f"test-{new_id()}")
    bucket.create(CreateBucketConfiguration={"LocationConstraint": settings.AWS_REGION})
    own = settings.STORAGES["invoices"]
    options = {**own["OPTIONS"], "endpoint_url": emulator, "bucket_name": bucket.name}
    with override_settings(STORAGES={**settings.STORAGES, "invoices": {**own, "OPTIONS": options}}):
        yield bucket


def test_a_document_is_stored_and_read_by_its_link(bucket: Any) -> None:
    store = StorageDocumentStore()
    store.store(key="2026/INV-1-abc.pdf", content=b"%PDF one")
    store.store(key="2026/INV-1-abc.pdf", content=b"%PDF one")  # as after a crash

    link = store.link(key="2026/INV-1-abc.pdf", filename="INV-1.pdf")
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == b"%PDF one"
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.headers["Content-Disposition"] == 'inline; filename="INV-1.pdf"'
    assert [found.key for found in bucket.objects.all()] == ["2026/INV-1-abc.pdf"]
    assert storages["invoices"].querystring_expire <= 300


def test_a_link_opens_nothing_else(bucket: Any) -> None:
    store = StorageDocumentStore()
    store.store(key="2026/INV-2-abc.pdf", content=b"%PDF two")
    link = store.link(key="2026/INV-1-abc.pdf", filename="INV-1.pdf")

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(link.replace("INV-1-abc", "INV-2-abc"))
    refused.value.close()
    assert refused.value.code == 403


def test_a_document_is_read_in_parts_and_its_hash_is_kept_beside_it(bucket: Any) -> None:
    store, content = StorageDocumentStore(), bytes(range(256)) * 1000
    store.store(key="2026/INV-3-abc.pdf", content=content)

    parts = list(store.read(key="2026/INV-3-abc.pdf"))
    assert (b"".join(parts), len(parts)) == (content, 4)
    told = bucket.meta.client.head_object(
        Bucket=bucket.name, Key="2026/INV-3-abc.pdf", ChecksumMode="ENABLED"
    )
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert (told["ChecksumSHA256"], told["ContentType"]) == (digest, "application/pdf")
    with pytest.raises(ClientError, match="NoSuchKey"):
        list(store.read(key="2026/INV-4-abc.pdf"))


def test_a_link_opens_nothing_once_its_minutes_are_over(bucket: Any) -> None:
    store, key = StorageDocumentStore(), "2026/INV-1-abc.pdf"
    store.store(key=key, content=b"%PDF one")
    with time_machine.travel(dt.datetime.now(dt.UTC) - dt.timedelta(seconds=310)):  # noqa: TID251
        link = store.link(key=key, filename="INV-1.pdf")

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(link)
    refused.value.close()
    assert refused.value.code == 403
