"""An import from its upload to its last line, with files in memory."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections

from apps.invoices import usecases
from apps.invoices.events import (
    FileUploaded,
    ImportContinued,
    InvoiceImported,
    InvoiceImportFailed,
    UploadRefused,
)
from apps.invoices.gateway import FakeUploads, batches, lines
from apps.invoices.models import (
    IMPORT,
    PREFIX,
    Import,
    ImportedInvoice,
    ImportLine,
    Position,
    UploadNotice,
)
from kernel import limits
from kernel.bus import inbox, jobs
from kernel.bus.event import Event
from kernel.bus.models import Delivery
from kernel.bus.testing import newly_sent, published, twice_and_shuffled
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.invoices.legacy import (
    asked_for,
    ended,
    file_of,
    kept,
    line,
    numbered,
    told,
    uploaded,
)
from tests.invoices.scenes import flow

MINUTE = dt.timedelta(minutes=1)
NONE = {"ok": 0, "empty_products_list": 0, "invalid": 0, "duplicate": 0}


def again(source: Import) -> Import:
    source.refresh_from_db()
    return source


def said(*kinds: type[Event]) -> list[str]:
    return [type(each).__name__ for each in published(*kinds)]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a step end after its first batch, and a batch after two lines."""
    monkeypatch.setattr(limits, "STEP_SECONDS", 0)
    monkeypatch.setattr(lines, "BATCH_LINES", 2)


@pytest.mark.django_db
class TestAFile:
    def test_is_read_line_by_line_and_then_deleted(self, uploads: FakeUploads) -> None:
        content = file_of(
            line("A-1"),
            line("A-2", products=[]),
            b"no JSON",
            line("A-1", totalValue=1),
            b"",
            line("A-3", totalValue=0.01, customerEmail="Bo@Example.com"),
        )
        source = uploaded(uploads, content)
        flow()

        assert ended(source) == [
            (1, "OK", "A-1", ""),
            (2, "EMPTY_PRODUCTS_LIST", "A-2", ""),
            (3, "INVALID", "", "It is not JSON."),
            (4, "DUPLICATE", "A-1", ""),
            (6, "OK", "A-3", ""),
        ]
        invoices = ImportedInvoice.objects.order_by("number")
        assert list(
            invoices.values_list("number", "line", "customer_email", "total", "products")
        ) == [
            ("A-1", 1, "ada@example.com", 1250, [{"id": "lamp", "quantity": 2}]),
            ("A-3", 6, "bo@example.com", 1, [{"id": "lamp", "quantity": 2}]),
        ]
        assert again(source).state == "FILE_PROCESSED"
        assert source.position == Position(offset=len(content), line=6)
        counts = {"ok": 2, "empty_products_list": 1, "invalid": 1, "duplicate": 1}
        assert source.counts == counts
        assert uploads.files == {}
        [uploaded_, done] = published(FileUploaded, InvoiceImported, InvoiceImportFailed)
        at = NOON + MINUTE
        assert uploaded_ == FileUploaded(
            occurred_at=at,
            import_id=source.id,
            key=source.key,
            sequencer="01",
            size_bytes=len(content),
        )
        assert done == InvoiceImported(
            occurred_at=done.occurred_at,
            import_id=source.id,
            key=source.key,
            size_bytes=len(content),
            **counts,
        )

    def test_is_read_in_steps_if_it_is_long(self, uploads: FakeUploads, hasty: None) -> None:
        source = uploaded(uploads, numbered(7))
        flow()

        assert [row[:3] for row in ended(source)] == [(n, "OK", f"A-{n}") for n in range(1, 8)]
        steps = [each.lines_read for each in published(ImportContinued)]  # type: ignore[attr-defined]
        assert steps == [2, 4, 6]
        assert again(source).state == "FILE_PROCESSED"

    @pytest.mark.parametrize("seed", range(5))
    def test_is_imported_once_however_often_and_late_each_message_comes(
        self, seed: int, uploads: FakeUploads, hasty: None
    ) -> None:
        source = uploaded(uploads, numbered(6))
        told(source.key, source.size_bytes)
        flow(twice_and_shuffled(seed))

        assert [row[1] for row in ended(source)] == ["OK"] * 6
        assert said(InvoiceImported) == ["InvoiceImported"]
        assert UploadNotice.objects.count() == 1

    def test_that_was_imported_before_brings_nothing_new(self, uploads: FakeUploads) -> None:
        first = uploaded(uploads, numbered(3))
        flow()
        second = uploaded(uploads, numbered(4))
        flow()

        assert again(first).counts == NONE | {"ok": 3}
        assert again(second).counts == NONE | {"ok": 1, "duplicate": 3}
        assert kept() == ["A-1", "A-2", "A-3", "A-4"]

    @pytest.mark.parametrize("content", [b"\n", b"\xef\xbb\xbf\n", b"\r\n \r\n"])
    def test_without_a_line_is_an_error(self, content: bytes, uploads: FakeUploads) -> None:
        source = uploaded(uploads, content)
        flow()

        assert (again(source).state, source.reason) == ("ERROR", "empty_file")
        [failed] = published(InvoiceImported, InvoiceImportFailed)
        assert isinstance(failed, InvoiceImportFailed)
        assert failed.reason == "empty_file"
        assert uploads.files == {}

    @pytest.mark.parametrize(
        ("spoil", "reason"),
        [
            (lambda files, key: files.pop(key), "file_gone"),
            (lambda files, key: files.update({key: files[key] + b"x"}), "file_changed"),
        ],
    )
    def test_that_is_lost_half_way_is_an_error_and_keeps_what_was_read(
        self, spoil: Callable[..., Any], reason: str, uploads: FakeUploads, hasty: None
    ) -> None:
        source = uploaded(uploads, numbered(4))
        deliver_next()
        spoil(uploads.files, source.key)
        flow()

        assert (again(source).state, source.reason) == ("ERROR", reason)
        assert [row[:3] for row in ended(source)] == [(1, "OK", "A-1"), (2, "OK", "A-2")]
        [failed] = published(InvoiceImported, InvoiceImportFailed)
        assert failed == InvoiceImportFailed(
            occurred_at=failed.occurred_at,
            import_id=source.id,
            key=source.key,
            reason=reason,
            **NONE | {"ok": 2},
        )
        assert uploads.files == {}

    def test_waits_while_the_storage_is_down(self, uploads: FakeUploads) -> None:
        source = uploaded(uploads, numbered(2))
        uploads.is_down = True
        [(queue, envelope)] = [each for each in newly_sent() if each[0] == "invoices-outside"]
        assert not inbox.deliver(queue, [envelope])
        uploads.is_down = False
        assert inbox.deliver(queue, [envelope])

        assert again(source).counts == NONE | {"ok": 2}
        assert [each.state for each in Delivery.objects.all()] == ["RECOVERED"]

    def test_goes_on_where_the_connection_was_cut(
        self, uploads: FakeUploads, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lines, "BATCH_LINES", 2)
        whole = FakeUploads.read

        def cut(self: FakeUploads, **asked: Any) -> Generator[bytes]:
            yield from itertools.islice(whole(self, **asked), 70)  # chunks of seven bytes
            raise ConnectionError

        monkeypatch.setattr(FakeUploads, "read", cut)
        source = uploaded(uploads, numbered(12))
        [(queue, envelope)] = [each for each in newly_sent() if each[0] == "invoices-outside"]
        read = [0]
        while not inbox.deliver(queue, [envelope]):
            read.append(again(source).lines_read)

        assert len(read) > 3
        assert read == sorted(set(read))  # each time it came farther
        assert [row[:3] for row in ended(source)] == [(n, "OK", f"A-{n}") for n in range(1, 13)]


def deliver_next() -> None:
    """Deliver to the outside queue what waits for it, once."""
    for queue, envelope in newly_sent():
        if queue == "invoices-outside":
            assert inbox.deliver(queue, [envelope])


def batch_of(source: Import, uploads: FakeUploads) -> Any:
    content = uploads.files[source.key]
    chunks = iter([content[source.position.offset :]])
    return next(batches(chunks, start=source.position, size=len(content)))


@pytest.mark.django_db
class TestGoingOn:
    def test_takes_no_lines_twice(self, uploads: FakeUploads, hasty: None) -> None:
        source = uploaded(uploads, numbered(6))
        first = batch_of(source, uploads)
        told_ = {"import_id": source.id, "at": NOON}
        with transaction():
            usecases.record_lines(**told_, batch=first)
        before = ended(source)
        for keep in (usecases.record_lines, usecases.pause_import, usecases.finish_import):
            with pytest.raises(usecases.ImportOvertaken), transaction():
                keep(**told_, batch=first)  # as of a process that was asleep

        assert ended(source) == before
        assert said(ImportContinued, InvoiceImported, InvoiceImportFailed) == []

    def test_leaves_out_no_lines(self, uploads: FakeUploads, hasty: None) -> None:
        source = uploaded(uploads, numbered(6))
        chunks = iter([uploads.files[source.key]])
        _, second, _ = batches(chunks, start=Position(), size=source.size_bytes)

        with pytest.raises(usecases.ImportOvertaken), transaction():
            usecases.record_lines(import_id=source.id, batch=second, at=NOON)

        assert ended(source) == []

    def test_stops_when_the_import_was_given_up(self, uploads: FakeUploads, hasty: None) -> None:
        source = uploaded(uploads, numbered(6))
        batch = batch_of(source, uploads)
        with transaction():
            usecases.fail_import(import_id=source.id, reason="file_gone", at=NOON)
        with pytest.raises(usecases.ImportOvertaken), transaction():
            usecases.record_lines(import_id=source.id, batch=batch, at=NOON)
        flow()

        assert ended(source) == []
        assert said(InvoiceImported, InvoiceImportFailed) == ["InvoiceImportFailed"]

    def test_keeps_lines_and_position_together_or_not_at_all(
        self, uploads: FakeUploads, hasty: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = uploaded(uploads, numbered(6))

        def die(*_: Any) -> None:
            raise KeyboardInterrupt

        for where in ("add", "advance"):
            with monkeypatch.context() as patch:
                patch.setattr(ImportLine if where == "add" else Import, where, die)
                with pytest.raises(KeyboardInterrupt), transaction():
                    usecases.record_lines(
                        import_id=source.id, batch=batch_of(source, uploads), at=NOON
                    )
            assert (ended(source), kept(), again(source).position) == ([], [], Position())


@pytest.mark.django_db
class TestAnUpload:
    def refused(self) -> list[str]:
        return [each.reason for each in published(UploadRefused)]  # type: ignore[attr-defined]

    def test_that_nobody_asked_for_is_refused_noted_and_deleted(self, uploads: FakeUploads) -> None:
        keys = [f"invoice-imports/{new_id()}", "invoice-imports/x", "invoice-imports/"]
        uploads.files = dict.fromkeys(keys, b"x")
        for key in keys:
            told(key, 1)
            told(key, 1)  # again the same
        flow()

        assert self.refused() == ["unknown_import"] * 3
        assert (
            list(UploadNotice.objects.values_list("refusal", flat=True)) == ["unknown_import"] * 3
        )
        assert uploads.files == {}
        assert said(FileUploaded, InvoiceImportFailed) == []

    def test_that_is_a_second_one_is_refused_and_not_deleted_while_the_first_is_read(
        self, uploads: FakeUploads, hasty: None
    ) -> None:
        source = uploaded(uploads, numbered(4))
        told(source.key, source.size_bytes, sequencer="02")
        flow()

        assert self.refused() == ["already_uploaded"]
        assert again(source).counts == NONE | {"ok": 4}

        uploads.files[source.key] = numbered(4)
        told(source.key, source.size_bytes, sequencer="03")
        flow()

        assert self.refused() == ["already_uploaded"] * 2
        assert uploads.files == {}

    def test_of_another_length_is_refused_and_the_right_one_is_still_waited_for(
        self, uploads: FakeUploads
    ) -> None:
        source = asked_for(numbered(2))
        uploads.files[source.key] = numbered(2)
        told(source.key, source.size_bytes + 1)
        told(source.key, source.size_bytes, sequencer="02")
        flow()

        assert self.refused() == ["unexpected_size"]
        assert again(source).counts == NONE | {"ok": 2}

    def test_that_began_in_time_may_take_long(self, uploads: FakeUploads) -> None:
        source = asked_for(numbered(2))
        uploads.files[source.key] = numbered(2)
        told(source.key, source.size_bytes, after=5 * MINUTE + usecases.GRACE)
        flow()

        assert again(source).state == "FILE_PROCESSED"

    @pytest.mark.parametrize("is_timed_out", [True, False])
    def test_that_comes_too_late_is_refused_and_deleted(
        self, is_timed_out: bool, uploads: FakeUploads
    ) -> None:
        source = asked_for(numbered(2))
        late = 6 * MINUTE + usecases.GRACE
        if is_timed_out:
            time_out(NOON + late)
        uploads.files[source.key] = numbered(2)
        told(source.key, source.size_bytes, after=late)
        if not is_timed_out:
            time_out(NOON + late)
        flow()

        assert self.refused() == ["too_late"]
        assert again(source).state == "TIMEOUT"
        assert uploads.files == {}
        assert ended(source) == []


def time_out(at: dt.datetime) -> None:
    with transaction():
        usecases.time_out_imports(at=at)


@pytest.mark.django_db
class TestWaiting:
    def test_ends_once_an_upload_that_began_in_time_would_have_come(
        self, uploads: FakeUploads
    ) -> None:
        source, other = asked_for(b"x"), uploaded(uploads, numbered(2))
        end = source.expires_at + usecases.GRACE
        time_out(end)
        assert again(source).state == "GENERATED"

        time_out(end + dt.timedelta(seconds=1))
        time_out(end + dt.timedelta(seconds=2))

        assert (again(source).state, again(other).state) == ("TIMEOUT", "FILE_RECEIVED")
        assert published(InvoiceImportFailed) == [
            InvoiceImportFailed(
                occurred_at=end + dt.timedelta(seconds=1),
                import_id=source.id,
                key=source.key,
                reason="timed_out",
                **NONE,
            )
        ]

    def test_is_ended_by_a_job(self, uploads: FakeUploads) -> None:
        source = asked_for(b"x")  # long ago

        assert jobs.run("invoices.time_out_imports")

        assert again(source).state == "TIMEOUT"


ACTS: dict[str, Callable[[Import], object]] = {
    "uploaded": lambda source: source.receive(etag="1", at=NOON),
    "processed": lambda source: source.finish(at=NOON),
    "failed": lambda source: source.fail("file_gone", at=NOON),
    "timed_out": lambda source: source.time_out(at=NOON),
}
PATHS: dict[str, list[str]] = {
    "GENERATED": [],
    "FILE_RECEIVED": ["uploaded"],
    "FILE_PROCESSED": ["uploaded", "processed"],
    "ERROR": ["uploaded", "failed"],
    "TIMEOUT": ["timed_out"],
}


@pytest.mark.django_db
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("state", PATHS)
def test_every_cell_of_the_table_is_as_it_says(state: str, act: str) -> None:
    source = asked_for(b"x")
    source.advance(Position(offset=1, line=1), [])
    for earlier in PATHS[state]:
        ACTS[earlier](source)
    assert source.state == state
    version = source.version

    ACTS[act](source)

    cell = IMPORT.cell(state, act)
    assert again(source).state == (cell.to or state)
    assert source.version == version + (cell.to is not None)


@pytest.mark.django_db
class TestTheDatabase:
    """The last line of what must hold."""

    @pytest.mark.parametrize(
        "change",
        [
            "state = 'LOST', received_at = created_at, finished_at = created_at",
            "bytes_read = size_bytes + 1",
            "bytes_read = -1",
            "ok = lines_read + 1",
            "reason = 'file_gone'",
            "received_at = created_at",
            "finished_at = created_at",
            "state = 'FILE_PROCESSED', received_at = created_at, finished_at = created_at",
        ],
    )
    def test_refuses_an_import_that_contradicts_itself(self, change: str) -> None:
        asked_for(b"x")
        with pytest.raises(IntegrityError), transaction(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE invoices_import SET {change}")

    @pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET {} = {}"])
    @pytest.mark.parametrize(
        ("table", "column"),
        [("importedinvoice", "total"), ("importline", "reason"), ("uploadnotice", "refusal")],
    )
    def test_lets_nobody_change_what_was_imported(
        self, table: str, column: str, change: str, uploads: FakeUploads
    ) -> None:
        uploaded(uploads, numbered(1))
        flow()
        sql = change.format(f"invoices_{table}", column, column)
        with (
            pytest.raises(IntegrityError, match="append-only"),
            transaction(),
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)

    def test_refuses_a_line_twice(self, uploads: FakeUploads) -> None:
        source = uploaded(uploads, numbered(1))
        flow()
        with pytest.raises(IntegrityError, match="invoices_importline_once"), transaction():
            ImportLine.objects.create(source=source, number=1, outcome="OK")

    def test_refuses_an_upload_told_of_twice(self, uploads: FakeUploads) -> None:
        uploaded(uploads, numbered(1))
        row = UploadNotice.objects.get()
        row.pk = new_id()
        with pytest.raises(IntegrityError, match="invoices_uploadnotice_upload"), transaction():
            row.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
class TestSideBySide:
    def test_two_readers_of_one_file_keep_each_line_once(
        self, uploads: FakeUploads, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lines, "BATCH_LINES", 5)
        source = uploaded(uploads, numbered(200))
        [(queue, envelope)] = [each for each in newly_sent() if each[0] == "invoices-outside"]
        together(lambda: inbox.deliver(queue, [envelope]), times=3)
        while not inbox.deliver(queue, [envelope]):
            pass

        assert [row[:3] for row in ended(source)] == [(n, "OK", f"A-{n}") for n in range(1, 201)]
        assert again(source).counts == NONE | {"ok": 200}
        assert said(InvoiceImported) == ["InvoiceImported"]

    def test_two_files_with_the_same_invoices_in_another_order_keep_each_once(
        self, uploads: FakeUploads
    ) -> None:
        there = [line(f"A-{n}") for n in range(300)]
        sources = [uploaded(uploads, file_of(*there)), uploaded(uploads, file_of(*there[::-1]))]
        messages = [each for each in newly_sent() if each[0] == "invoices-outside"]
        waiting = iter(messages)

        def deliver() -> bool:
            queue, envelope = next(waiting)
            return inbox.deliver(queue, [envelope])

        assert together(deliver, times=2) == [True, True]
        counts = [again(source).counts for source in sources]
        assert (
            sum(each["ok"] for each in counts) == sum(each["duplicate"] for each in counts) == 300
        )
        assert len(kept()) == 300

    def test_two_files_never_wait_for_each_other(
        self, uploads: FakeUploads, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lines, "BATCH_LINES", 100_000)
        there = [line(f"A-{n}") for n in range(6_000)]
        sources = [uploaded(uploads, file_of(*there)), uploaded(uploads, file_of(*there[::-1]))]
        waiting = iter([(source.id, batch_of(source, uploads)) for source in sources])

        def record() -> bool:
            import_id, batch = next(waiting)
            with transaction():
                usecases.record_lines(import_id=import_id, batch=batch, at=NOON)
            return True

        assert together(record, times=2) == [True, True]  # else one of them was a victim
        assert len(kept()) == 6_000

    def test_an_upload_told_of_at_the_moment_of_the_time_out_is_too_late(
        self, uploads: FakeUploads
    ) -> None:
        source = asked_for(numbered(2))
        told_of = threading.Thread(target=alone(lambda: told(source.key, source.size_bytes)))
        with transaction():
            usecases.time_out_imports(at=NOON + dt.timedelta(hours=1))
            told_of.start()
            time.sleep(0.3)  # it waits for the row, or has read what is no longer true
        told_of.join()

        assert again(source).state == "TIMEOUT"
        assert said(FileUploaded, UploadRefused, InvoiceImportFailed) == [
            "InvoiceImportFailed",
            "UploadRefused",
        ]

    def test_the_same_told_twice_at_once_is_one_upload(self, uploads: FakeUploads) -> None:
        source = asked_for(numbered(2))
        together(lambda: told(source.key, source.size_bytes), times=3)

        assert said(FileUploaded, UploadRefused) == ["FileUploaded"]


def alone(do: Callable[[], Any]) -> Callable[[], None]:
    """Return what does this in a thread, and leaves no connection behind."""

    def run() -> None:
        try:
            do()
        finally:
            connections.close_all()

    return run


def together(do: Callable[[], Any], *, times: int) -> list[Any]:
    begin, found = threading.Barrier(times), []

    def run() -> None:
        begin.wait()
        found.append(do())

    threads = [threading.Thread(target=alone(run)) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_what_is_told_of_lies_below_the_name_that_imports_have(settings: Any) -> None:
    assert list(settings.UPLOADS_TOLD) == [PREFIX]
    assert PREFIX in settings.UPLOADS_KEPT_DAYS
