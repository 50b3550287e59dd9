"""How a mail about an order leaves: with its document, by way of the kernel's mail server."""

from __future__ import annotations

import dataclasses

from apps.invoices.gateway.documents import documents
from apps.invoices.models import Document
from kernel.mail import Attachment, Mail, post


def send(mail: Mail, document: Document | None) -> bool:
    """
    Send a mail with its document; return whether its address is one, as far as is known at once.

    :raises Exception: whatever storage or mail server raise when they can't be reached.
    """
    if document:
        mail = dataclasses.replace(mail, attachments=(_attached(document),))
    return post().send(mail)


def _attached(document: Document) -> Attachment:
    """Return the PDF, which lies here until the storage has it."""
    here = document.content
    content = b"".join(documents().read(key=document.key)) if here is None else bytes(here)
    issued = document.invoice or document.credit_note
    return Attachment(f"{issued}.pdf", "application/pdf", content)
