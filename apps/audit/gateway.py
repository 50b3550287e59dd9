"""Where anchors lie: in S3 under Object Lock behind one class, and a fake that keeps them here."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
from collections.abc import Iterator
from typing import Any, Protocol

import boto3
from botocore.exceptions import ClientError
from django.conf import settings

_PREFIX, _SUFFIX = "anchors/", ".json"
_TAKEN = "PreconditionFailed"


class AnchorStore(Protocol):
    """Keeps what nobody may change: a day has its first anchor for ever."""

    def store(self, *, day: dt.date, content: bytes, kept_until: dt.datetime) -> None:
        """Keep a day's anchor until then; one that is there already stays as it is."""

    def all(self) -> Iterator[tuple[dt.date, bytes]]:
        """Yield the anchors with their days, the oldest first."""

    def newest(self) -> tuple[dt.date, bytes] | None:
        """Return the newest anchor with its day."""


class S3AnchorStore:
    """
    The bucket for the audit.

    Object Lock keeps each version of an object, but anyone who may write can put another on top
    of it: so the oldest is read.
    """

    def store(self, *, day: dt.date, content: bytes, kept_until: dt.datetime) -> None:
        """Keep a day's anchor until then; one that is there already stays as it is."""
        try:
            _client().put_object(
                Bucket=settings.AUDIT_BUCKET,
                Key=f"{_PREFIX}{day.isoformat()}{_SUFFIX}",
                Body=content,
                ContentType="application/json",
                IfNoneMatch="*",
                ObjectLockMode="COMPLIANCE",
                ObjectLockRetainUntilDate=kept_until,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != _TAKEN:
                raise

    def all(self) -> Iterator[tuple[dt.date, bytes]]:
        """Yield the anchors with their days, the oldest first."""
        for key, version in self._first_versions():
            yield self._read(key, version)

    def newest(self) -> tuple[dt.date, bytes] | None:
        """Return the newest anchor with its day."""
        found = self._first_versions()
        return self._read(*found[-1]) if found else None

    def _read(self, key: str, version: str) -> tuple[dt.date, bytes]:
        answer = _client().get_object(Bucket=settings.AUDIT_BUCKET, Key=key, VersionId=version)
        day = dt.date.fromisoformat(key.removeprefix(_PREFIX).removesuffix(_SUFFIX))
        return day, answer["Body"].read()

    def _first_versions(self) -> list[tuple[str, str]]:
        pages = _client().get_paginator("list_object_versions")
        answers = pages.paginate(Bucket=settings.AUDIT_BUCKET, Prefix=_PREFIX)
        versions = (version for answer in answers for version in answer.get("Versions", ()))
        # Of a key S3 lists the newest version first: the last one counts.
        return sorted({version["Key"]: version["VersionId"] for version in versions}.items())


class FakeAnchorStore:
    """Anchors in memory, for tests."""

    def __init__(self) -> None:
        self.contents: dict[dt.date, bytes] = {}

    def store(self, *, day: dt.date, content: bytes, kept_until: dt.datetime) -> None:
        """Keep a day's anchor until then; one that is there already stays as it is."""
        self.contents.setdefault(day, content)

    def all(self) -> Iterator[tuple[dt.date, bytes]]:
        """Yield the anchors with their days, the oldest first."""
        yield from sorted(self.contents.items())

    def newest(self) -> tuple[dt.date, bytes] | None:
        """Return the newest anchor with its day."""
        return max(self.contents.items(), default=None)


_store: AnchorStore = S3AnchorStore()


def anchors() -> AnchorStore:
    """Return the store to use."""
    return _store


@contextlib.contextmanager
def installed(store: AnchorStore) -> Iterator[None]:
    """Let this store stand in for the real one while the block runs: for tests."""
    global _store  # noqa: PLW0603 -- the one place that knows which store is used
    previous, _store = _store, store
    try:
        yield
    finally:
        _store = previous


def _client() -> Any:
    return _client_at(settings.AWS_REGION, settings.AWS_ENDPOINT_URL)


@functools.cache
def _client_at(region: str, endpoint: str | None) -> Any:
    # A session of its own: the shared one may not be used by two threads at once.
    session = boto3.session.Session()
    return session.client(
        "s3", region_name=region, endpoint_url=endpoint, config=settings.S3_CONFIG
    )
