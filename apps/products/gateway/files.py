"""Files in S3: uploads that strangers send straight to it, and pictures that anyone reads."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import boto3
from botocore.exceptions import ClientError
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.products.gateway.images import SizedPicture, UnfitPicture, sizes_of

MAX_BYTES = 10_000_000
UPLOAD_SECONDS = 300


class NothingUploaded(UnfitPicture):
    """There is no file for it."""


class Uploads(Protocol):
    """Where files wait that were uploaded, until someone has looked at them."""

    def form(self, key: str, content_type: str, size: int) -> dict[str, Any]:
        """Return the `url` and the `fields` of a form that uploads just such a file."""

    def read(self, key: str) -> bytes | None:
        """Return a file; None if there is none."""

    def forget(self, key: str) -> None:
        """Delete a file, if it is there."""


class S3Uploads:
    """The bucket for uploads."""

    def form(self, key: str, content_type: str, size: int) -> dict[str, Any]:
        """Return the `url` and the `fields` of a form that uploads just such a file."""
        answer: dict[str, Any] = _client().generate_presigned_post(
            settings.UPLOADS_BUCKET,
            key,
            Fields={"Content-Type": content_type},
            Conditions=[{"Content-Type": content_type}, ["content-length-range", size, size]],
            ExpiresIn=UPLOAD_SECONDS,
        )
        return answer

    def read(self, key: str) -> bytes | None:
        """Return a file; None if there is none. What is longer than may be is cut off."""
        try:
            answer = _client().get_object(Bucket=settings.UPLOADS_BUCKET, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
                return None
            raise
        content: bytes = answer["Body"].read(MAX_BYTES)
        return content

    def forget(self, key: str) -> None:
        """Delete a file, if it is there."""
        _client().delete_object(Bucket=settings.UPLOADS_BUCKET, Key=key)


class FakeUploads:
    """Uploads in memory, for tests."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def form(self, key: str, content_type: str, size: int) -> dict[str, Any]:
        """Return a form that tells what it is for."""
        fields = {"key": key, "Content-Type": content_type, "size": str(size)}
        return {"url": "https://uploads.example/", "fields": fields}

    def read(self, key: str) -> bytes | None:
        """Return a file; None if there is none."""
        return self.files.get(key)

    def forget(self, key: str) -> None:
        """Delete a file, if it is there."""
        self.files.pop(key, None)


_uploads: Uploads = S3Uploads()


def uploads() -> Uploads:
    """Return the uploads to use."""
    return _uploads


@contextlib.contextmanager
def installed(other: Uploads) -> Iterator[None]:
    """Let these uploads stand in for the real ones while the block runs: for tests."""
    global _uploads  # noqa: PLW0603 -- the one place that knows which are used
    previous, _uploads = _uploads, other
    try:
        yield
    finally:
        _uploads = previous


def take(key: str, content_type: str) -> list[dict[str, Any]]:
    """
    Look at what was uploaded, and store it in its sizes; return those.

    :raises UnfitPicture: of the kind that says what is wrong.
    """
    content = uploads().read(key)
    if content is None:
        raise NothingUploaded
    return store(sizes_of(content, content_type))


def store(pictures: Iterable[SizedPicture]) -> list[dict[str, Any]]:
    """
    Keep pictures where anyone can read them; the same again changes nothing.

    Returned is what must be known of them.
    """
    known = []
    for picture in pictures:
        known.append({"key": picture.key, "width": picture.width, "height": picture.height})
        if not default_storage.exists(picture.key):
            file = SimpleUploadedFile(picture.key, picture.content, "image/webp")
            default_storage.save(picture.key, file)
    return known


def picture_url(key: str) -> str:
    """Return where anyone can read the file."""
    return _base_url() + key


@functools.cache
def _base_url() -> str:
    """Ask the storage once: unsigned URLs differ by nothing but the key, and boto3 is slow."""
    return default_storage.url("x").removesuffix("x")


def _client() -> Any:
    return _client_at(settings.AWS_REGION, settings.AWS_ENDPOINT_URL)


@functools.cache
def _client_at(region: str, endpoint: str | None) -> Any:
    # A session of its own: the shared one may not be used by two threads at once.
    session = boto3.session.Session()
    return session.client(
        "s3", region_name=region, endpoint_url=endpoint, config=settings.S3_CONFIG
    )
