"""The outside world of invoices: stored documents, imported files, mails and their fate."""

from __future__ import annotations

from apps.invoices.gateway.documents import (
    DocumentStore,
    FakeDocumentStore,
    StorageDocumentStore,
    documents,
    installed,
)
from apps.invoices.gateway.legacy import InvalidLine, LegacyInvoice, LegacyProduct
from apps.invoices.gateway.lines import Batch, ReadLine, batches
from apps.invoices.gateway.mails import send
from apps.invoices.gateway.reports import (
    Report,
    UnreadableReport,
    UntrustedReport,
    read_reports,
)
from apps.invoices.gateway.uploads import (
    MAX_BYTES,
    UPLOAD_SECONDS,
    FakeUploads,
    S3Uploads,
    UnfitFile,
    UploadForm,
    Uploads,
    uploads,
    uploads_installed,
)

__all__ = [
    "MAX_BYTES",
    "UPLOAD_SECONDS",
    "Batch",
    "DocumentStore",
    "FakeDocumentStore",
    "FakeUploads",
    "InvalidLine",
    "LegacyInvoice",
    "LegacyProduct",
    "ReadLine",
    "Report",
    "S3Uploads",
    "StorageDocumentStore",
    "UnfitFile",
    "UnreadableReport",
    "UntrustedReport",
    "UploadForm",
    "Uploads",
    "batches",
    "documents",
    "installed",
    "read_reports",
    "send",
    "uploads",
    "uploads_installed",
]
