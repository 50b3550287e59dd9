"""Who the people in the records are."""

from __future__ import annotations

import uuid

from django.db import connection, models


class KnownUser(models.Model):
    """Who has which e-mail address, as users said; an erased user keeps no address."""

    id = models.UUIDField(primary_key=True)
    version = models.PositiveIntegerField()
    email = models.EmailField(max_length=254, blank=True, db_index=True)
    is_erased = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.email or str(self.id)

    @classmethod
    def learn(cls, *, user_id: uuid.UUID, version: int, email: str, is_erased: bool) -> None:
        """Take over what a newer version says; an older one that comes late changes nothing."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO audit_knownuser (id, version, email, is_erased)
                VALUES (%s, %s, %s, %s)
                ON CONFLICT (id) DO UPDATE SET version = excluded.version,
                    email = excluded.email, is_erased = excluded.is_erased
                WHERE audit_knownuser.version < excluded.version
                """,
                [user_id, version, email, is_erased],
            )
