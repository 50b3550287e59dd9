"""Files that are uploaded straight to S3, read from any place on, and deleted."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import functools
from collections.abc import Generator, Iterator, Mapping
from typing import Any, Protocol

import boto3
from botocore.exceptions import ClientError
from django.conf import settings

from kernel.refusals import Refusal

UPLOAD_SECONDS = 300
MAX_BYTES = 5_000_000_000  # S3 takes no more at once
CONTENT_TYPE = "application/x-ndjson"
CHUNK_BYTES = 256 * 1024


class UnfitFile(Refusal):
    """The file can't be read to its end."""


class FileGone(UnfitFile):
    """The file is not there any more."""


class FileChanged(UnfitFile):
    """The file is another one than was told of."""


@dataclasses.dataclass(frozen=True)
class UploadForm:
    """Where one file may be PUT, once, and with which headers; any other is refused by S3."""

    url: str
    headers: Mapping[str, str]


class Uploads(Protocol):
    """Where files wait to be read."""

    def form(self, *, key: str, size_bytes: int, sha256: str) -> UploadForm:
        """Say how a file of this length is uploaded, and of this hash if one is given."""

    def read(self, *, key: str, etag: str, offset: int) -> Generator[bytes]:
        """
        Read a file from there on, chunk by chunk.

        :raises FileGone, FileChanged:
        """

    def forget(self, key: str) -> None:
        """Delete a file, if it is there."""


class S3Uploads:
    """The bucket for uploads."""

    def form(self, *, key: str, size_bytes: int, sha256: str) -> UploadForm:
        """Say how a file of this length is uploaded, and of this hash if one is given."""
        wanted = {
            "ContentLength": size_bytes,
            "ContentType": CONTENT_TYPE,
            "IfNoneMatch": "*",  # nobody puts another one in its place while it is read
        }
        headers = {
            "Content-Length": str(size_bytes),
            "Content-Type": CONTENT_TYPE,
            "If-None-Match": "*",
        }
        if sha256:
            checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
            wanted["ChecksumSHA256"] = headers["x-amz-checksum-sha256"] = checksum
        url = _client().generate_presigned_url(
            "put_object",
            Params={"Bucket": settings.UPLOADS_BUCKET, "Key": key, **wanted},
            ExpiresIn=UPLOAD_SECONDS,
        )
        return UploadForm(url, headers)

    def read(self, *, key: str, etag: str, offset: int) -> Generator[bytes]:
        """
        Read a file from there on, chunk by chunk; the connection lasts until then.

        :raises FileGone, FileChanged:
        """
        try:
            answer = _client().get_object(
                Bucket=settings.UPLOADS_BUCKET,
                Key=key,
                IfMatch=f'"{etag}"',
                Range=f"bytes={offset}-",
            )
        except ClientError as error:
            raise _unfit(error) or error from error
        with contextlib.closing(answer["Body"]) as body:
            yield from body.iter_chunks(CHUNK_BYTES)

    def forget(self, key: str) -> None:
        """Delete a file, if it is there."""
        _client().delete_object(Bucket=settings.UPLOADS_BUCKET, Key=key)


def _unfit(error: ClientError) -> UnfitFile | None:
    code = error.response["Error"]["Code"]
    if code in {"NoSuchKey", "404"}:
        return FileGone()
    return FileChanged() if code in {"PreconditionFailed", "InvalidRange", "412"} else None


class FakeUploads:
    """Files in memory, for tests, with their length for an ETag; `is_down` lets it fail."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.is_down = False

    def form(self, *, key: str, size_bytes: int, sha256: str) -> UploadForm:
        """Return a form that tells what it is for."""
        return UploadForm(
            f"https://uploads.example/{key}", {"Content-Length": str(size_bytes), "hash": sha256}
        )

    def read(self, *, key: str, etag: str, offset: int) -> Generator[bytes]:
        """
        Read a file from there on, in chunks of seven bytes.

        :raises FileGone, FileChanged:
        :raises ConnectionError: while it is down.
        """
        if self.is_down:
            raise ConnectionError("The storage is down.")
        if (content := self.files.get(key)) is None:
            raise FileGone
        if etag != str(len(content)):
            raise FileChanged
        for start in range(offset, len(content), 7):
            yield content[start : start + 7]

    def forget(self, key: str) -> None:
        """
        Delete a file, if it is there.

        :raises ConnectionError: while it is down.
        """
        if self.is_down:
            raise ConnectionError("The storage is down.")
        self.files.pop(key, None)


_uploads: Uploads = S3Uploads()


def uploads() -> Uploads:
    """Return the uploads to use."""
    return _uploads


@contextlib.contextmanager
def uploads_installed(other: Uploads) -> Iterator[None]:
    """Let these uploads stand in for the real ones while the block runs: for tests."""
    global _uploads  # noqa: PLW0603 -- the one place that knows which are used
    previous, _uploads = _uploads, other
    try:
        yield
    finally:
        _uploads = previous


def _client() -> Any:
    return _client_at(settings.AWS_REGION, settings.AWS_ENDPOINT_URL)


@functools.cache
def _client_at(region: str, endpoint: str | None) -> Any:
    # A session of its own: the shared one may not be used by two threads at once.
    session = boto3.session.Session()
    return session.client(
        "s3", region_name=region, endpoint_url=endpoint, config=settings.S3_CONFIG
    )
