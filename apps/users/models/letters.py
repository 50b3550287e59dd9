"""Mails that are to be sent: written down first, since the outside world is called later."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import connection, models

from kernel.ids import new_id
from kernel.mail import address_id, digest_of


class Letter(models.Model):
    """
    One mail to one address, from being wished to being used; forgotten when its time is over.

    Its text is made when it is sent, and with it the link, which is signed and kept nowhere. It
    names no account: whoever asks for a mail must not learn, not even by the time that it takes,
    whether there is one. That is found out when it is sent.
    """

    class Kind(models.TextChoices):
        VERIFY_EMAIL = "verify_email", "Verify the address"
        ACCOUNT_EXISTS = "account_exists", "There is an account already"
        RESET_PASSWORD = "reset_password", "Choose a new password"
        PASSWORD_CHANGED = "password_changed", "The password was changed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=20, choices=Kind)
    email = models.EmailField(max_length=254, db_index=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    sent_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True, help_text="When its link was followed.")

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(
                    kind__in=[
                        "verify_email",
                        "account_exists",
                        "reset_password",
                        "password_changed",
                    ]
                ),
                name="users_letter_kind",
            ),
        )

    def __str__(self) -> str:
        return self.get_kind_display()

    def is_good(self, *, at: dt.datetime) -> bool:
        """Say whether its link still opens something."""
        return self.used_at is None and self.expires_at > at

    def use(self, *, at: dt.datetime) -> None:
        """Use it up, and with it all others to the same address that open the same."""
        alike = Letter.objects.filter(email=self.email, kind=self.kind, used_at=None)
        alike.update(used_at=at)


class NotedAddress(models.Model):
    """Whether an address takes mail: invoices hear what comes back. Its id is a keyed hash."""

    id = models.UUIDField(primary_key=True, editable=False)
    takes_mail = models.BooleanField()
    noted_at = models.DateTimeField(help_text="When it became so.")

    class Meta:
        verbose_name_plural = "noted addresses"

    def __str__(self) -> str:
        return str(self.id)

    @classmethod
    def learn(cls, *, id: uuid.UUID, takes_mail: bool, noted_at: dt.datetime) -> None:  # noqa: A002
        """Take over what is newer; what comes late changes nothing."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO users_notedaddress (id, takes_mail, noted_at) VALUES (%s, %s, %s)
                ON CONFLICT (id) DO UPDATE
                SET takes_mail = excluded.takes_mail, noted_at = excluded.noted_at
                WHERE users_notedaddress.noted_at < excluded.noted_at
                """,
                [id, takes_mail, noted_at],
            )

    @classmethod
    def refuses_mail(cls, email: str) -> bool:
        """Say whether mails to this address are of no use."""
        return cls.objects.filter(id=address_id(digest_of(email)), takes_mail=False).exists()
