"""A mail's two texts: HTML by one template for all, and plain text in lines of bounded length."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from django.template.loader import render_to_string

from apps.invoices.mails.contents import Contents, Told, contents_of

_WIDTH = 72
_TEMPLATE = "invoices/mail/mail.html"


class Written(NamedTuple):
    """What is sent."""

    subject: str
    text: str
    html: str


def write(told: Told) -> Written:
    """Return the mail that tells this."""
    contents = contents_of(told)
    html = render_to_string(_TEMPLATE, {"mail": contents})
    # A subject is one line, whatever stands in it.
    return Written(" ".join(contents.subject.split()), _plain(contents), html)


def _plain(mail: Contents) -> str:
    parts = (
        mail.heading + "\n" + "=" * len(mail.heading),
        *(_wrapped(paragraph) for paragraph in mail.paragraphs),
        "\n".join(f"{label}{mail.colon} {value}" for label, value in mail.facts),
        "\n".join(_table(mail)),
        "\n".join([f"{mail.address_label}{mail.colon}", *mail.address]) if mail.address else "",
        # A link stays on a line of its own: cut in two it leads nowhere.
        f"{mail.button[0]}{mail.colon}\n{mail.button[1]}",
        *(_wrapped(each) for each in mail.small),
        "-- \n" + "\n".join(mail.seller),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _table(mail: Contents) -> Iterator[str]:
    """Yield products and sums, the amounts flush right."""
    if mail.total is None:
        return
    for line in mail.lines:
        yield from textwrap.wrap(line.name, _WIDTH)
        yield _row(f"  {line.quantity}", line.amount)
    yield "-" * _WIDTH
    for label, amount in mail.sums:
        yield _row(label, amount)
    yield _row(*mail.total)
    yield from mail.taxes


def _row(label: str, amount: str) -> str:
    return f"{label}{amount.rjust(max(_WIDTH - len(label), len(amount) + 1))}"
