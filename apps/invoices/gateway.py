"""Where documents are stored: S3 behind one class, and a fake that keeps them in memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

from django.core.files.base import ContentFile
from django.core.files.storage import storages


class DocumentStore(Protocol):
    """Keeps documents and gives out links to them."""

    def store(self, *, key: str, content: bytes) -> None:
        """Keep a document; the same key again replaces it."""

    def link(self, *, key: str, filename: str) -> str:
        """Return a URL that anyone may read for a few minutes, as a file of this name."""


class StorageDocumentStore:
    """The documents in the storage `invoices` of the settings."""

    def store(self, *, key: str, content: bytes) -> None:
        """Keep a document; the same key again replaces it."""
        storages["invoices"].save(key, ContentFile(content))

    def link(self, *, key: str, filename: str) -> str:
        """Return a URL that anyone may read for a few minutes, as a file of this name."""
        storage: Any = storages["invoices"]  # S3's `url` takes more than Django's does
        disposition = f'inline; filename="{filename}"'
        url: str = storage.url(key, parameters={"ResponseContentDisposition": disposition})
        return url


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
