"""How mails leave: Django's mail behind one class, and a fake that keeps them in memory."""

from __future__ import annotations

import contextlib
import dataclasses
import smtplib
import uuid
from collections.abc import Iterator
from email.utils import parseaddr
from typing import Protocol

from django.conf import settings
from django.core.mail import EmailMultiAlternatives


@dataclasses.dataclass(frozen=True)
class Mail:
    """A mail as it is sent; the same id again is the same mail."""

    id: uuid.UUID
    to: str
    subject: str
    text: str
    html: str


class Post(Protocol):
    """Takes mails to where they are read."""

    def send(self, mail: Mail) -> bool:
        """Send a mail; return whether its address is one, as far as the server knows at once."""


class MailServer:
    """The mail server of the settings."""

    def send(self, mail: Mail) -> bool:
        """
        Send a mail; return whether its address is one, as far as the server knows at once.

        :raises OSError: if the server can't be reached, or can't take it now.
        """
        domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
        message = EmailMultiAlternatives(
            subject=mail.subject,
            body=mail.text,
            to=[mail.to],
            # By its id the reader's own server drops a copy that we send after a crash; and no
            # absence note answers what no person wrote.
            headers={"Message-ID": f"<{mail.id}@{domain}>", "Auto-Submitted": "auto-generated"},
        )
        message.attach_alternative(mail.html, "text/html")
        try:
            message.send()
        except smtplib.SMTPRecipientsRefused as refused:
            if all(code >= 500 for code, _ in refused.recipients.values()):
                return False
            raise
        return True


class FakePost:
    """Mails in memory, for tests; `is_down` lets it fail, `unknown` are addresses that aren't."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.unknown: set[str] = set()
        self.is_down = False

    def send(self, mail: Mail) -> bool:
        """
        Keep a mail, unless its address is unknown.

        :raises ConnectionError: while it is down.
        """
        if self.is_down:
            raise ConnectionError("The mail server is down.")
        if mail.to in self.unknown:
            return False
        self.mails.append(mail)
        return True


_post: Post = MailServer()


def post() -> Post:
    """Return what sends mails."""
    return _post


@contextlib.contextmanager
def installed(other: Post) -> Iterator[None]:
    """Let this one stand in for the real one while the block runs: for tests."""
    global _post  # noqa: PLW0603 -- the one place that knows which is used
    previous, _post = _post, other
    try:
        yield
    finally:
        _post = previous
