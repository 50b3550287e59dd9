"""How mails leave: Django's mail behind one class, and a fake that keeps them in memory."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import smtplib
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from email.utils import parseaddr
from typing import Protocol

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils.crypto import salted_hmac

from kernel.locks import lock


@dataclasses.dataclass(frozen=True)
class Attachment:
    """A file that goes with a mail."""

    name: str
    content_type: str
    content: bytes


@dataclasses.dataclass(frozen=True)
class Mail:
    """A mail as it is sent; the same id again is the same mail."""

    id: uuid.UUID
    to: str
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...] = ()


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
        :raises AnymailError: the same, of a service with an interface of its own.
        """
        try:
            _message(mail).send()
        except smtplib.SMTPRecipientsRefused as refused:
            if all(code >= 500 for code, _ in refused.recipients.values()):
                return False
            raise
        return True


def _message(mail: Mail) -> EmailMultiAlternatives:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=mail.text,
        to=[mail.to],
        headers={
            # By its id the reader's own server drops a copy that we send after a crash. (SES puts
            # an id of its own in its place.)
            "Message-ID": f"<{mail.id}@{domain}>",
            # What comes back of it, a bounce say, brings this with it.
            "X-Metadata": json.dumps({"mail": str(mail.id)}),
            # No absence note answers what no person wrote.
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(mail.html, "text/html")
    for file in mail.attachments:
        message.attach(file.name, file.content, file.content_type)
    return message


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


def digest_of(email: str) -> str:
    """Return what stands for an address, whichever case it is written in: a keyed hash."""
    return salted_hmac("kernel.mail", email.lower(), algorithm="sha256").hexdigest()


def address_id(digest: str) -> uuid.UUID:
    """Return what an address is called in events, by its digest."""
    return uuid.UUID(digest[:32])


def sending(mail_id: uuid.UUID) -> AbstractContextManager[None]:
    """
    Let others who would send this mail wait while the block does; whoever dies in it lets go.

    SQS may bring one message to two workers at once; the inbox would only notice afterwards.
    """
    return lock(f"mail:{mail_id}")
