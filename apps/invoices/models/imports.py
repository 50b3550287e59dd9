"""Files of a legacy system: how far each was read, and what S3 told of uploads."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections import Counter
from collections.abc import Collection

from django.db import models
from django.db.models import F, Q

from kernel.ids import new_id
from kernel.states import StateTable

PREFIX = "invoice-imports/"  # of its files' names in the bucket

IMPORT = StateTable.parse(
    "Invoice import",
    """
    state          | uploaded      | processed      | failed | timed_out
    GENERATED      | FILE_RECEIVED | ignore         | ignore | TIMEOUT
    FILE_RECEIVED  | ignore        | FILE_PROCESSED | ERROR  | ignore
    FILE_PROCESSED | ignore        | ignore         | ignore | ignore
    ERROR          | ignore        | ignore         | ignore | ignore
    TIMEOUT        | ignore        | ignore         | ignore | ignore
    """,
)
_FINAL = {"FILE_PROCESSED", "ERROR", "TIMEOUT"}


class Outcome(models.TextChoices):
    """What became of a line."""

    OK = "OK", "Imported"
    EMPTY_PRODUCTS_LIST = "EMPTY_PRODUCTS_LIST", "An invoice without products"
    INVALID = "INVALID", "No invoice"
    DUPLICATE = "DUPLICATE", "An invoice of this number was imported before"


# The column that counts each outcome.
_COUNTED = {outcome: outcome.value.lower() for outcome in Outcome}


@dataclasses.dataclass(frozen=True)
class Position:
    """How far a file was read: so many bytes and lines, and whether a line goes on behind it."""

    offset: int = 0
    line: int = 0
    is_in_long_line: bool = False


class Import(models.Model):
    """
    One file, from the asking for its upload to its last line.

    Only `IMPORT` says which state may follow which. The position and the counts are written
    with the lines that they count: whoever goes on after a crash goes on right behind these.
    """

    class State(models.TextChoices):
        GENERATED = "GENERATED", "Waiting for its file"
        FILE_RECEIVED = "FILE_RECEIVED", "Being read"
        FILE_PROCESSED = "FILE_PROCESSED", "Processed"
        ERROR = "ERROR", "Failed"
        TIMEOUT = "TIMEOUT", "Timed out"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    state = models.CharField(max_length=14, choices=State, default=State.GENERATED)
    reason = models.CharField(max_length=40, blank=True, help_text="Of an error.")
    size_bytes = models.BigIntegerField(help_text="As announced.")
    sha256 = models.CharField("SHA-256", max_length=64, blank=True, help_text="As announced.")
    asked_by = models.UUIDField()
    etag = models.CharField(max_length=100, blank=True, help_text="Of the file that came.")
    bytes_read = models.BigIntegerField(default=0)
    lines_read = models.PositiveIntegerField(default=0, help_text="Blank ones too.")
    is_in_long_line = models.BooleanField(default=False)
    ok = models.PositiveIntegerField("OK", default=0)
    empty_products_list = models.PositiveIntegerField(default=0)
    invalid = models.PositiveIntegerField(default=0)
    duplicate = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(help_text="After this no upload can begin.")
    received_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(
                fields=["expires_at"],
                name="invoices_import_waiting",
                condition=Q(state="GENERATED"),
            ),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=list(IMPORT.rows)), name="invoices_import_state"
            ),
            models.CheckConstraint(
                condition=Q(state="ERROR") ^ Q(reason=""), name="invoices_import_reason"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["GENERATED", "TIMEOUT"]) ^ Q(received_at__isnull=False),
                name="invoices_import_received",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["GENERATED", "FILE_RECEIVED"])
                ^ Q(finished_at__isnull=False),
                name="invoices_import_finished",
            ),
            models.CheckConstraint(
                condition=Q(bytes_read__gte=0, bytes_read__lte=F("size_bytes"))
                & (~Q(state="FILE_PROCESSED") | Q(bytes_read=F("size_bytes"))),
                name="invoices_import_bytes",
            ),
            models.CheckConstraint(
                condition=Q(
                    lines_read__gte=F("ok")
                    + F("empty_products_list")
                    + F("invalid")
                    + F("duplicate")
                ),
                name="invoices_import_lines",
            ),
        )

    def __str__(self) -> str:
        return f"{self.id}: {self.state}"

    @classmethod
    def lock(cls, import_id: uuid.UUID | None) -> Import | None:
        """Return the row, held until the transaction ends; None if there is none."""
        return cls.objects.select_for_update().filter(id=import_id).first()

    @property
    def key(self) -> str:
        """The name of its file in the bucket."""
        return f"{PREFIX}{self.id}"

    @property
    def position(self) -> Position:
        """How far its file was read."""
        return Position(self.bytes_read, self.lines_read, self.is_in_long_line)

    @property
    def counts(self) -> dict[str, int]:
        """How many lines ended so, by outcome."""
        return {column: getattr(self, column) for column in _COUNTED.values()}

    @property
    def percent(self) -> int:
        """How much of its file was read."""
        return 100 * self.bytes_read // self.size_bytes

    def receive(self, *, etag: str, at: dt.datetime) -> None:
        """Note that its file came."""
        self._take("uploaded", etag=etag, received_at=at)

    def advance(self, position: Position, outcomes: Collection[Outcome]) -> None:
        """Note that its file was read up to here, and what became of the lines before."""
        facts = {_COUNTED[each]: n for each, n in Counter(outcomes).items()}
        self._write(
            bytes_read=position.offset,
            lines_read=position.line,
            is_in_long_line=position.is_in_long_line,
            **{column: getattr(self, column) + n for column, n in facts.items()},
        )

    def finish(self, *, at: dt.datetime) -> None:
        """Note that it was read to its end."""
        self._take("processed", finished_at=at)

    def fail(self, reason: str, *, at: dt.datetime) -> bool:
        """Give it up for a reason that is told as a code; return whether it wasn't over before."""
        return self._take("failed", reason=reason, finished_at=at)

    def time_out(self, *, at: dt.datetime) -> None:
        """Give up waiting for its file."""
        self._take("timed_out", finished_at=at)

    def _take(self, event: str, **facts: object) -> bool:
        cell = IMPORT.cell(self.state, event)
        if cell.to is None:
            return False
        self.state = cell.to
        self._write(**facts)
        return True

    def _write(self, **facts: object) -> None:
        for name, value in {**facts, "version": self.version + 1}.items():
            setattr(self, name, value)
        self.save()


def import_id_of(key: str) -> uuid.UUID | None:
    """Return whose file has this name; None if it is no import's."""
    try:
        found = uuid.UUID(key.removeprefix(PREFIX))
    except ValueError:
        return None
    return found if key == f"{PREFIX}{found}" else None


class UploadNotice(models.Model):
    """What S3 told of an upload, once for each, and why nothing came of it."""

    class Refusal(models.TextChoices):
        UNKNOWN_IMPORT = "unknown_import", "No import has asked for this file"
        TOO_LATE = "too_late", "It came when nobody waited for it any more"
        ALREADY_UPLOADED = "already_uploaded", "The import has its file already"
        UNEXPECTED_SIZE = "unexpected_size", "It is not as long as was announced"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key = models.CharField(max_length=1024)
    sequencer = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    etag = models.CharField(max_length=100)
    refusal = models.CharField(max_length=16, choices=Refusal, blank=True)
    stored_at = models.DateTimeField(help_text="As S3 says.")
    told_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["key", "sequencer"], name="invoices_uploadnotice_upload"
            ),
        )
        indexes = (
            models.Index(
                fields=["-id"], name="invoices_uploadnotice_refused", condition=~Q(refusal="")
            ),
        )

    def __str__(self) -> str:
        return f"{self.key}: {self.refusal or 'taken'}"

    def is_first(self) -> bool:
        """Keep it; return whether this upload was not told of before."""
        UploadNotice.objects.bulk_create([self], ignore_conflicts=True)
        return UploadNotice.objects.filter(id=self.id).exists()
