"""Files as the legacy system writes them, and imports that wait for such."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

from apps.invoices import usecases
from apps.invoices.gateway import FakeUploads
from apps.invoices.models import PREFIX, Import, ImportedInvoice, ImportLine
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.conftest import NOON

SUPPORT = uuid.UUID(int=7)


def line(number: str, **changes: Any) -> bytes:
    """Return a line; a field of None is left out."""
    fields = {
        "customerEmail": "ada@example.com",
        "invoiceNumber": number,
        "totalValue": 12.5,
        "products": [{"id": "lamp", "quantity": 2}],
        **changes,
    }
    return json.dumps({k: v for k, v in fields.items() if v is not None}).encode()


def file_of(*lines: bytes) -> bytes:
    return b"".join(each + b"\n" for each in lines)


def numbered(count: int, prefix: str = "A") -> bytes:
    return file_of(*(line(f"{prefix}-{n}") for n in range(1, count + 1)))


def asked_for(content: bytes) -> Import:
    with transaction():
        return usecases.ask_for_import(
            import_id=new_id(), size_bytes=len(content), sha256="", asked_by=SUPPORT, at=NOON
        )


def told(
    key: str,
    size: int,
    *,
    sequencer: str = "01",
    etag: str = "",
    after: dt.timedelta = dt.timedelta(minutes=1),
) -> None:
    """Let S3 tell of an upload."""
    with transaction():
        usecases.note_upload(
            key=key,
            sequencer=sequencer,
            size_bytes=size,
            etag=etag or str(size),
            stored_at=NOON + after,
            at=NOON + after,
        )


def uploaded(uploads: FakeUploads, content: bytes) -> Import:
    """Ask for an import, upload its file, and let that be told."""
    source = asked_for(content)
    uploads.files[source.key] = content
    told(source.key, len(content))
    return source


def ended(source: Import) -> list[tuple[int, str, str, str]]:
    """Return what became of each line."""
    rows = ImportLine.objects.filter(source=source).order_by("number")
    return list(rows.values_list("number", "outcome", "invoice_number", "reason"))


def kept() -> list[str]:
    return list(ImportedInvoice.objects.order_by("number").values_list("number", flat=True))


def key_of(source: Import) -> str:
    return f"{PREFIX}{source.id}"
