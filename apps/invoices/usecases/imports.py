"""A legacy system's invoices: asked for, uploaded, read line by line, done."""

from __future__ import annotations

import datetime as dt
import json
import uuid

from django.conf import settings

from apps.invoices import events
from apps.invoices.gateway import (
    UPLOAD_SECONDS,
    Batch,
    InvalidLine,
    LegacyInvoice,
    ReadLine,
)
from apps.invoices.models import (
    EndedLine,
    Import,
    ImportedInvoice,
    ImportLine,
    NewInvoice,
    Outcome,
    UploadNotice,
    import_id_of,
)
from kernel.bus.outbox import publish
from kernel.refusals import Refusal
from kernel.transactions import transaction_required

# An upload that has begun in time may take long, and be told of late.
GRACE = dt.timedelta(minutes=30)
MOST_TIMED_OUT = 500  # in one run
NOTHING_IN_IT = "empty_file"


class ImportNotFound(Refusal):
    """There is no such import."""

    status = 404


class ImportOvertaken(Exception):
    """Another process has read these lines meanwhile, or has ended the import."""


@transaction_required
def ask_for_import(
    *, import_id: uuid.UUID, size_bytes: int, sha256: str, asked_by: uuid.UUID, at: dt.datetime
) -> Import:
    """Wait for a file of this length; no upload of it can begin after five minutes."""
    return Import.objects.create(
        id=import_id,
        size_bytes=size_bytes,
        sha256=sha256,
        asked_by=asked_by,
        created_at=at,
        expires_at=at + dt.timedelta(seconds=UPLOAD_SECONDS),
    )


@transaction_required
def note_upload(
    *,
    key: str,
    sequencer: str,
    size_bytes: int,
    etag: str,
    stored_at: dt.datetime,
    at: dt.datetime,
) -> None:
    """Begin to read a file that was waited for; told again of the same upload, do nothing."""
    waiting = Import.lock(import_id_of(key))
    notice = UploadNotice(
        key=key, sequencer=sequencer, size_bytes=size_bytes, etag=etag, stored_at=stored_at
    )
    notice.told_at, notice.refusal = at, _why_not(waiting, notice)
    if not notice.is_first():
        return
    told = {"occurred_at": at, "key": key, "sequencer": sequencer}
    if waiting is None or notice.refusal:
        publish(events.UploadRefused(**told, notice_id=notice.id, reason=notice.refusal))
        return
    waiting.receive(etag=etag, at=at)
    publish(events.FileUploaded(**told, import_id=waiting.id, size_bytes=size_bytes))


@transaction_required
def record_lines(*, import_id: uuid.UUID, batch: Batch, at: dt.datetime) -> None:
    """
    Keep what became of lines, and how far that is: the one never without the other.

    :raises ImportOvertaken: if they don't follow those that are kept.
    """
    _record(import_id, batch, at)


@transaction_required
def pause_import(*, import_id: uuid.UUID, batch: Batch, at: dt.datetime) -> None:
    """
    Keep lines, and wish that the file is read on behind them.

    :raises ImportOvertaken: if they don't follow those that are kept.
    """
    running = _record(import_id, batch, at)
    position = {"bytes_read": running.bytes_read, "lines_read": running.lines_read}
    publish(events.ImportContinued(occurred_at=at, import_id=import_id, **position))


@transaction_required
def finish_import(*, import_id: uuid.UUID, batch: Batch, at: dt.datetime) -> None:
    """
    Keep the last lines. A file without any is an error of whoever made it.

    :raises ImportOvertaken: if they don't follow those that are kept.
    """
    running = _record(import_id, batch, at)
    if not any(running.counts.values()):
        _fail(running, NOTHING_IN_IT, at)
        return
    running.finish(at=at)
    done = {"key": running.key, "size_bytes": running.size_bytes, **running.counts}
    publish(events.InvoiceImported(occurred_at=at, import_id=import_id, **done))


@transaction_required
def fail_import(*, import_id: uuid.UUID, reason: str, at: dt.datetime) -> None:
    """Give up a file that can't be read to its end. What was kept of it stays."""
    if running := Import.lock(import_id):
        _fail(running, reason, at)


@transaction_required
def time_out_imports(*, at: dt.datetime) -> None:
    """Give up waiting for files that never came."""
    waiting = Import.objects.select_for_update(skip_locked=True).filter(
        state=Import.State.GENERATED, expires_at__lt=at - GRACE
    )
    for late in waiting.order_by("expires_at")[:MOST_TIMED_OUT]:
        late.time_out(at=at)
        _tell_failure(late, "timed_out", at)


def _why_not(waiting: Import | None, notice: UploadNotice) -> str:
    """Return why this upload isn't what is waited for; nothing, if it is."""
    refusal = UploadNotice.Refusal
    if waiting is None:
        return refusal.UNKNOWN_IMPORT
    if waiting.state not in {Import.State.GENERATED, Import.State.TIMEOUT}:
        return refusal.ALREADY_UPLOADED
    is_over = waiting.state == Import.State.TIMEOUT
    if is_over or notice.stored_at > waiting.expires_at + GRACE:
        return refusal.TOO_LATE
    return refusal.UNEXPECTED_SIZE if notice.size_bytes != waiting.size_bytes else ""


def _record(import_id: uuid.UUID, batch: Batch, at: dt.datetime) -> Import:
    running = Import.lock(import_id)
    is_next = running is not None and running.position == batch.start
    if running is None or not is_next or running.state != Import.State.FILE_RECEIVED:
        raise ImportOvertaken
    invoices = [
        _new_invoice(line.number, line.content)
        for line in batch.lines
        if isinstance(line.content, LegacyInvoice) and line.content.products
    ]
    kept = ImportedInvoice.add(running, invoices, currency=settings.CURRENCY, at=at)
    lines = [_ended(line, is_kept=line.number in kept) for line in batch.lines]
    ImportLine.add(running.id, lines)
    running.advance(batch.end, [line.outcome for line in lines])
    return running


def _new_invoice(line: int, read: LegacyInvoice) -> NewInvoice:
    products = json.dumps([each.model_dump() for each in read.products])
    return NewInvoice(line, read.number, read.customer_email, read.total, products)


def _ended(line: ReadLine, *, is_kept: bool) -> EndedLine:
    if isinstance(line.content, InvalidLine):
        return EndedLine(line.number, Outcome.INVALID, reason=line.content.reason)
    outcome = Outcome.OK if is_kept else Outcome.DUPLICATE
    if not line.content.products:
        outcome = Outcome.EMPTY_PRODUCTS_LIST
    return EndedLine(line.number, outcome, line.content.number)


def _fail(running: Import, reason: str, at: dt.datetime) -> None:
    if running.fail(reason, at=at):
        _tell_failure(running, reason, at)


def _tell_failure(failed: Import, reason: str, at: dt.datetime) -> None:
    publish(
        events.InvoiceImportFailed(
            occurred_at=at, import_id=failed.id, key=failed.key, reason=reason, **failed.counts
        )
    )
