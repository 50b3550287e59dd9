"""Mails as their readers get them, out of Django's own outbox."""

from __future__ import annotations

import re

from django.core import mail
from django.core.mail import EmailMultiAlternatives

from kernel.bus.testing import run_until_quiet

# Mails about orders have links, too.
_TOKEN = re.compile(r"/(?:verify-email|reset-password)#token=(\S+)")


def mails() -> list[EmailMultiAlternatives]:
    """Let what was asked for be sent, and return all that was, oldest first."""
    run_until_quiet(only={"users-outside"})
    return mail.outbox  # type: ignore[return-value]


def tokens() -> list[str]:
    """Return the tokens of all links that were mailed, oldest first."""
    return [found[1] for each in mails() if (found := _TOKEN.search(str(each.body)))]
