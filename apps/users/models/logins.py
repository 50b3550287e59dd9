"""What logins leave behind: refresh tokens, and how often something was tried."""

from __future__ import annotations

import datetime as dt
import hashlib

from django.db import connection, models

from apps.users.models.accounts import User
from kernel.ids import new_id


class RefreshToken(models.Model):
    """
    A refresh token, of which only the hash is kept. Each is used once, for the next of its family.

    `session_hash` tells the password under which it was given: a new password ends them all.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="refresh_tokens")
    family_id = models.UUIDField(db_index=True, help_text="The login that it began with.")
    token_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token.")
    session_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "users_refresh_token"

    def __str__(self) -> str:
        return str(self.id)

    @staticmethod
    def hash_of(token: str) -> str:
        """Return what is kept of a token; it is random, so a fast hash is enough."""
        return hashlib.sha256(token.encode()).hexdigest()

    def is_good(self, *, at: dt.datetime) -> bool:
        """
        Say whether the token gives a new one.

        A token that was made while its family was taken back stands there without a mark: so
        the whole family is asked.
        """
        family = RefreshToken.objects.filter(family_id=self.family_id)
        return (
            self.used_at is None
            and self.expires_at > at
            and self.user.is_active
            and self.session_hash == self.user.get_session_auth_hash()
            and not family.filter(revoked_at__isnull=False).exists()
        )


class LoginAttempts(models.Model):
    """How often something was tried since `started_at`: a login, or asking for a mail."""

    key = models.CharField(
        max_length=64, primary_key=True, help_text="A keyed hash of what, for whom, by whom."
    )
    attempts = models.PositiveIntegerField()
    started_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "users_login_attempts"
        verbose_name_plural = "login attempts"

    def __str__(self) -> str:
        return self.key

    @classmethod
    def count(cls, key: str, *, at: dt.datetime, window: dt.timedelta) -> tuple[int, dt.datetime]:
        """
        Count one more attempt, and return how many the window has and when it began.

        The row stays locked until the transaction ends, so that attempts can't run side by side.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO users_login_attempts AS kept (key, attempts, started_at)
                VALUES (%(key)s, 1, %(at)s)
                ON CONFLICT (key) DO UPDATE SET
                    attempts = CASE WHEN kept.started_at <= %(over)s THEN 1
                                    ELSE kept.attempts + 1 END,
                    started_at = CASE WHEN kept.started_at <= %(over)s THEN excluded.started_at
                                      ELSE kept.started_at END
                RETURNING attempts, started_at
                """,
                {"key": key, "at": at, "over": at - window},
            )
            attempts, started_at = cursor.fetchone()
        return attempts, started_at
