"""Comparisons of a gateway's books with ours, a day at a time."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import models

from kernel.ids import new_id


class Reconciliation(models.Model):
    """
    One comparison of what a gateway did on a day (UTC) with what we know of it.

    First the gateway's books are read, page by page; then what of ours was not in them is looked
    up one by one: it may lie on another day. Where it is is written down with each step, so that
    any process can go on.
    """

    class State(models.TextChoices):
        BOOKS = "BOOKS", "Reading the gateway's books"
        OURS = "OURS", "Looking up what was not in them"
        DONE = "DONE", "Done"

    id = models.UUIDField(primary_key=True, default=new_id)
    gateway = models.CharField(max_length=30)
    on = models.DateField()
    state = models.CharField(max_length=10, choices=State, default=State.BOOKS)
    cursor = models.CharField(max_length=255, blank=True, help_text="Where in this state it is.")
    entries = models.PositiveIntegerField(default=0, help_text="How many the gateway's books have.")
    looked_up = models.PositiveIntegerField(
        default=0, help_text="How many of ours were looked up one by one."
    )
    differences = models.PositiveIntegerField(default=0, help_text="How many were open at the end.")
    begun_at = models.DateTimeField()
    touched_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(state="DONE", finished_at__isnull=False)
                | models.Q(state__in=["BOOKS", "OURS"], finished_at=None),
                name="payment_reconciliation_finished",
            ),
        )
        indexes = (models.Index(fields=["gateway", "-on"], name="payment_reconciliation_day"),)

    def __str__(self) -> str:
        return f"{self.gateway} on {self.on}"

    @classmethod
    def locked(cls, reconciliation_id: uuid.UUID) -> Reconciliation:
        """Return it, locked."""
        return cls.objects.select_for_update().get(id=reconciliation_id)

    @property
    def begins(self) -> dt.datetime:
        """The first moment of the day."""
        return dt.datetime.combine(self.on, dt.time(), tzinfo=dt.UTC)

    @property
    def ends(self) -> dt.datetime:
        """The first moment of the next day."""
        return self.begins + dt.timedelta(days=1)

    def is_at(self, state: State, cursor: str) -> bool:
        """Say whether nobody has been here since: two processes may be at it at once."""
        return (self.state, self.cursor) == (state, cursor)

    def touch(self, *, at: dt.datetime) -> None:
        """Note that somebody is at it."""
        self.touched_at = at
        self.save(update_fields=["touched_at"])

    def note_page(self, entries: int, *, after: str, at: dt.datetime) -> None:
        """Go on behind a page of the gateway's books; the last leads to our own."""
        self.entries, self.cursor, self.touched_at = self.entries + entries, after, at
        if not after:
            self.state = self.State.OURS
        self.save()

    def note_lookups(self, count: int, *, after: str, at: dt.datetime) -> None:
        """Go on behind some of ours that were looked up."""
        self.looked_up, self.cursor, self.touched_at = self.looked_up + count, after, at
        self.save()

    def finish(self, *, differences: int, at: dt.datetime) -> None:
        """Note that all was compared."""
        self.state, self.differences = self.State.DONE, differences
        self.touched_at = self.finished_at = at
        self.save()
