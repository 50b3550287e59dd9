"""Imports over the real protocols of S3 and SQS, by real processes that are killed."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.utils import timezone
from rest_framework.test import APIClient

from apps.invoices.events import FileUploaded, InvoiceImported
from apps.invoices.gateway import S3Uploads
from apps.invoices.handlers import note_upload
from apps.invoices.models import Import, UploadNotice
from kernel.bus.foreign import Poller
from kernel.bus.relay import Relay, SqsCourier
from kernel.bus.testing import published
from kernel.ids import new_id
from tests import aws as tests_aws
from tests.aws import REGION, Aws, aws, emulator, eventually
from tests.invoices.legacy import ended, file_of, kept, line, numbered
from tests.invoices.scenes import flow
from tests.kernel.processes import worker

__all__ = ["aws", "emulator"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)
API = "/api/v1/invoices/imports"
OUTSIDE = "invoices-outside"


@pytest.fixture
def s3(aws: Aws, emulator: str, settings: Any) -> Any:
    """Return a client of S3 whose bucket for uploads tells of them on a queue of the test's own."""
    settings.QUEUES = ("audit", "invoices", OUTSIDE)
    settings.AWS_ENDPOINT_URL = emulator  # the proxy knows nothing of S3
    call_command("create_queues", verbosity=0)
    tests_aws._configure()
    return boto3.client("s3", region_name=REGION, endpoint_url=emulator)


@pytest.fixture
def support(client_for: Callable[..., APIClient]) -> APIClient:
    return client_for("support")


@pytest.fixture
def poller(s3: Any) -> Poller:
    return Poller("uploads", note_upload)


def asked(support: APIClient, content: bytes, **more: Any) -> Any:
    answer = support.post(API, {"size_bytes": len(content), **more})
    assert answer.status_code == 201, answer.json()
    return answer.json()


def put(body: Any, content: bytes, **headers: str) -> int:
    """Upload as the answer says; return the storage's status."""
    upload = body["upload"]
    headers = {**upload["headers"], **headers}
    return httpx.put(upload["url"], content=content, headers=headers).status_code


def there(s3: Any) -> list[str]:
    found = s3.list_objects_v2(Bucket=django_settings.UPLOADS_BUCKET)
    return [each["Key"] for each in found.get("Contents", ())]


class TestUploading:
    def test_is_told_by_s3_and_read_and_deleted(
        self, support: APIClient, poller: Poller, s3: Any
    ) -> None:
        content = numbered(3)
        body = asked(support, content, sha256=hashlib.sha256(content).hexdigest())

        assert put(body, content) == 200
        eventually(lambda: poller.poll() and published(FileUploaded))
        flow()

        found = support.get(f"{API}/{body['id']}").json()
        assert (found["state"], found["percent"], found["outcomes"]["ok"]) == (
            "FILE_PROCESSED",
            100,
            3,
        )
        assert kept() == ["A-1", "A-2", "A-3"]
        assert there(s3) == []

    @pytest.mark.parametrize(
        ("content", "headers", "status"),
        [
            (numbered(3) + b"\n", {}, 403),
            (numbered(3)[:-1], {}, 403),
            (numbered(3, "B"), {}, 400),
            (numbered(3), {"Content-Type": "text/html"}, 403),
            (numbered(3), {"x-amz-checksum-sha256": "x" * 43 + "="}, 403),
        ],
        ids=["longer", "shorter", "other bytes", "another type", "another hash"],
    )
    def test_takes_nothing_but_what_was_announced(
        self, content: bytes, headers: Any, status: int, support: APIClient, s3: Any
    ) -> None:
        body = asked(support, numbered(3), sha256=hashlib.sha256(numbered(3)).hexdigest())
        length = {"Content-Length": str(len(content))}

        assert put(body, content, **length, **headers) == status
        assert there(s3) == []

    def test_is_possible_once(self, support: APIClient, s3: Any) -> None:
        body = asked(support, numbered(3))

        assert put(body, numbered(3)) == 200
        assert put(body, numbered(3)) == 412  # nobody changes a file that is being read
        upload = body["upload"]
        headers = {k: v for k, v in upload["headers"].items() if k != "If-None-Match"}
        answer = httpx.put(upload["url"], content=numbered(3), headers=headers)
        assert answer.status_code == 403

    def test_is_possible_for_five_minutes(self, support: APIClient, s3: Any) -> None:
        body = asked(support, numbered(3))
        asked_at = Import.objects.get().created_at

        assert "X-Amz-Expires=300&" in body["upload"]["url"]
        assert (Import.objects.get().expires_at - asked_at).total_seconds() == 300

    def test_of_a_browser_of_any_site_is_let_through(self, s3: Any) -> None:
        # The emulator answers every preflight with yes: its rules are what can be looked at.
        [rule] = s3.get_bucket_cors(Bucket=django_settings.UPLOADS_BUCKET)["CORSRules"]

        assert rule == {
            "AllowedMethods": ["POST", "PUT"],
            "AllowedOrigins": ["*"],
            "AllowedHeaders": ["*"],
        }

    def test_that_nobody_asked_for_is_refused_and_deleted(self, poller: Poller, s3: Any) -> None:
        bucket = django_settings.UPLOADS_BUCKET
        s3.put_object(Bucket=bucket, Key="invoice-imports/of nobody+ü", Body=b"x")
        s3.put_object(Bucket=bucket, Key="pictures/1", Body=b"x")
        eventually(lambda: poller.poll() and UploadNotice.objects.exists())
        flow()

        notices = UploadNotice.objects.values_list("key", "refusal", "size_bytes")
        assert list(notices) == [("invoice-imports/of nobody+ü", "unknown_import", 1)]
        assert there(s3) == ["pictures/1"]

    def test_is_forgotten_by_s3_itself_in_the_end(self, s3: Any) -> None:
        bucket = django_settings.UPLOADS_BUCKET
        rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]

        assert [(each["Filter"], each["Expiration"], each["Status"]) for each in rules] == [
            ({"Prefix": "pictures/"}, {"Days": 1}, "Enabled"),
            ({"Prefix": "invoice-imports/"}, {"Days": 7}, "Enabled"),
        ]


class TestReading:
    def test_goes_on_in_the_middle_of_the_file_that_was_told_of(self, s3: Any) -> None:
        uploads, key = S3Uploads(), f"invoice-imports/{new_id()}"
        content = os.urandom(700_000)
        etag = s3.put_object(Bucket=django_settings.UPLOADS_BUCKET, Key=key, Body=content)["ETag"]

        for offset in (0, 1, 699_999):
            chunks = list(uploads.read(key=key, etag=etag.strip('"'), offset=offset))
            assert b"".join(chunks) == content[offset:]
            assert max(map(len, chunks)) <= 256 * 1024

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"key": "invoice-imports/absent"}, "file_gone"),
            ({"etag": "another"}, "file_changed"),
            ({"offset": 5}, "file_changed"),
        ],
    )
    def test_of_another_file_is_refused(self, changes: Any, reason: str, s3: Any) -> None:
        uploads, key = S3Uploads(), f"invoice-imports/{new_id()}"
        etag = s3.put_object(Bucket=django_settings.UPLOADS_BUCKET, Key=key, Body=b"12345")["ETag"]
        wanted = {"key": key, "etag": etag.strip('"'), "offset": 0, **changes}

        with pytest.raises(Exception, match="file") as refused:
            list(uploads.read(**wanted))
        assert refused.value.code() == reason  # type: ignore[attr-defined]

    def test_of_a_storage_that_is_away_is_no_refusal(self, s3: Any, settings: Any) -> None:
        settings.UPLOADS_BUCKET = "absent-bucket"

        with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucket"):
            list(S3Uploads().read(key="a", etag="b", offset=0))


def relay_all() -> None:
    while Relay(SqsCourier()).send_due(at=timezone.now()).rows:
        pass


def die_behind(line: int, source: Import, directory: Path) -> int:
    """Let a worker read beyond a line, and kill it; return how far it came."""
    with worker(directory, "prefork", concurrency=1, queue=OUTSIDE) as found:
        eventually(lambda: lines_of(source) > line or finished(source), every=0.01)
        os.killpg(found.process.pid, signal.SIGKILL)
        found.end()
    return lines_of(source)


@pytest.mark.processes
@pytest.mark.timeout(300)
def test_workers_that_are_killed_in_mid_file_lose_no_line_and_keep_none_twice(
    support: APIClient,
    poller: Poller,
    aws: Aws,
    emulator: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count, bad = 30_000, line("B-1", customerEmail="nobody")
    content = numbered(count) + file_of(bad) + numbered(10)
    aws.create_queue(OUTSIDE, visibility=5)  # so soon it is seen that a worker has died
    body = asked(support, content)
    assert put(body, content) == 200
    eventually(lambda: poller.poll() and published(FileUploaded))
    relay_all()
    source = Import.objects.get()
    monkeypatch.setenv("UPLOADS_BUCKET", aws.bucket)

    seen = [0]
    for _ in range(3):
        seen.append(die_behind(seen[-1], source, tmp_path))
    with worker(tmp_path, "threads", queue=OUTSIDE):
        while not finished(source):
            relay_all()
            time.sleep(0.2)

    assert 0 < seen[1] < seen[2] < seen[3] < count, seen
    expected = [(n, "OK", f"A-{n}", "") for n in range(1, count + 1)]
    expected += [(count + 1, "INVALID", "", "customerEmail: it is no e-mail address.")]
    expected += [(count + 1 + n, "DUPLICATE", f"A-{n}", "") for n in range(1, 11)]
    assert ended(source) == expected
    assert len(kept()) == count
    [done] = published(InvoiceImported)
    assert (done.ok, done.invalid, done.duplicate) == (count, 1, 10)  # type: ignore[attr-defined]


def lines_of(source: Import) -> int:
    source.refresh_from_db()
    return source.lines_read


def finished(source: Import) -> bool:
    source.refresh_from_db()
    return source.state == "FILE_PROCESSED"
