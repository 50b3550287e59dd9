"""Who was erased."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import models


class ErasedPerson(models.Model):
    """Someone who was erased; an order that is under way keeps its address until it ends."""

    person_id = models.UUIDField(primary_key=True)
    erased_at = models.DateTimeField()

    class Meta:
        db_table = "orders_erased_person"
        verbose_name_plural = "erased people"

    def __str__(self) -> str:
        return str(self.person_id)

    @classmethod
    def remember(cls, person_id: uuid.UUID, *, at: dt.datetime) -> None:
        """Remember it; twice is once."""
        row = ErasedPerson(person_id=person_id, erased_at=at)
        ErasedPerson.objects.bulk_create([row], ignore_conflicts=True)

    @classmethod
    def has(cls, person_id: uuid.UUID | None) -> bool:
        """Say whether this person was erased."""
        return cls.objects.filter(person_id=person_id).exists()
