"""Where documents are stored: S3 behind one class, and a fake that keeps them in memory."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Iterator
from typing import Any, Protocol

from django.core.files.storage import storages

_PART = 64 * 1024


class DocumentStore(Protocol):
    """Keeps documents and gives out links to them."""

    def store(self, *, key: str, content: bytes) -> None:
        """Keep a document; the same key again replaces it."""

    def read(self, *, key: str) -> Iterator[bytes]:
        """Yield a document in parts."""

    def link(self, *, key: str, filename: str) -> str:
        """Return a URL that anyone may read for a few minutes, as a file of this name."""


class StorageDocumentStore:
    """The documents in the storage `invoices` of the settings."""

    def store(self, *, key: str, content: bytes) -> None:
        """Keep a document; the same key again replaces it."""
        checksum = base64.b64encode(hashlib.sha256(content).digest()).decode()
        # S3 refuses what arrives otherwise than it was sent, and keeps the hash beside the file.
        self._object(key).put(Body=content, ContentType="application/pdf", ChecksumSHA256=checksum)

    def read(self, *, key: str) -> Iterator[bytes]:
        """
        Yield a document in parts.

        :raises ClientError: if it isn't there.
        """
        with contextlib.closing(self._object(key).get()["Body"]) as body:
            yield from body.iter_chunks(_PART)

    def link(self, *, key: str, filename: str) -> str:
        """Return a URL that anyone may read for a few minutes, as a file of this name."""
        storage: Any = storages["invoices"]  # S3's `url` takes more than Django's does
        disposition = f'inline; filename="{filename}"'
        url: str = storage.url(key, parameters={"ResponseContentDisposition": disposition})
        return url

    def _object(self, key: str) -> Any:
        storage: Any = storages["invoices"]
        return storage.bucket.Object(key)


class FakeDocumentStore:
    """Documents in memory, for tests; `is_down` lets it fail."""

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {}
        self.is_down = False

    def store(self, *, key: str, content: bytes) -> None:
        """
        Keep a document.

        :raises ConnectionError: while it is down.
        """
        if self.is_down:
            raise ConnectionError("The storage is down.")
        self.documents[key] = content

    def read(self, *, key: str) -> Iterator[bytes]:
        """
        Yield a document in parts.

        :raises ConnectionError: while it is down.
        """
        if self.is_down:
            raise ConnectionError("The storage is down.")
        content = self.documents[key]
        for first in range(0, len(content), _PART):
            yield content[first : first + _PART]

    def link(self, *, key: str, filename: str) -> str:
        """Return a URL that tells key and name."""
        return f"https://storage.example/{key}?filename={filename}"


_store: DocumentStore = StorageDocumentStore()


def documents() -> DocumentStore:
    """Return the store to use."""
    return _store


@contextlib.contextmanager
def installed(store: DocumentStore) -> Iterator[None]:
    """Let this store stand in for the real one while the block runs: for tests."""
    global _store  # noqa: PLW0603 -- the one place that knows which store is used
    previous, _store = _store, store
    try:
        yield
    finally:
        _store = previous
