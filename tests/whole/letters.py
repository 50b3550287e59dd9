"""Mails as the machine keeps them, which sends none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

from dev.caller import eventually
from tests.whole.machine import Machine


def link_mailed_to(email: str, machine: Machine, page: str, *, subject: str = "") -> str:
    """Wait for a mail to somebody that leads to a page, and return its link from the path on."""
    link = re.compile(f"{machine.addresses.storefront}(/{page}#token=\\S+)")
    mails = machine.state / "mails"
    found: re.Match[str] = eventually(
        f"The mail that leads to {page}",
        lambda: next(filter(None, map(link.search, _mails_to(email, mails, subject))), None),
        bool,
    )
    return found[1]


def _mails_to(email: str, mails: Path, subject: str) -> Iterator[str]:
    for path in mails.glob("*"):
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        body = message.get_body(("plain",))
        if message["To"] == email and subject in message["Subject"] and body:
            yield body.get_content()
