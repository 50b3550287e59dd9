"""
Signed messages to the shop that a payment changed.

`X-Webhook-Signature` is `sha256=` and the hex HMAC-SHA256, under the shared secret, of the text
of `X-Webhook-Timestamp` (seconds since 1970), a full stop, and the body.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import logging
import secrets
import threading

import httpx
from django.db import (
    DatabaseError,
    close_old_connections,
    transaction,  # noqa: TID251 -- the shop's kernel is not its
)
from django.utils import timezone

from payment_3p import settings
from payment_3p.models import Payment, Webhook

POLL_SECONDS = 1.0
log = logging.getLogger(__name__)
_woken = threading.Event()


def enqueue(payment: Payment, *, operation: str, reference: str, at: dt.datetime) -> None:
    """Store a webhook in the transaction of the change, if anyone wants webhooks."""
    if not _is_wanted():
        return
    body = {
        "id": f"evt_{secrets.token_hex(16)}",
        "type": operation,
        "reference": reference,
        "createdAt": at.isoformat(),
        "payment": payment.as_json(),
    }
    Webhook.objects.create(body=json.dumps(body), created_at=at, next_try_at=at)


def sign(body: bytes, *, timestamp: str, secret: str) -> str:
    """Return the signature of a body sent at this time."""
    signed = f"{timestamp}.".encode() + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def wake() -> None:
    """Send what is there now, not at the next poll."""
    _woken.set()


def start() -> None:
    """Let a thread of this process send webhooks as long as it lives."""
    if _is_wanted():
        threading.Thread(target=_send_for_ever, name="webhooks", daemon=True).start()


def _is_wanted() -> bool:
    return bool(settings.PAYMENT_3P_WEBHOOK_URL and settings.PAYMENT_3P_WEBHOOK_SECRET)


def _send_for_ever() -> None:
    with httpx.Client(timeout=5) as client:
        while True:
            _woken.wait(POLL_SECONDS)
            _woken.clear()
            try:
                while _send_one(client):
                    pass
            except DatabaseError:
                log.warning("The database does not answer; webhooks wait.")
            close_old_connections()


def _send_one(client: httpx.Client) -> bool:
    """Send the oldest that is due and return True, or False if there is none."""
    with transaction.atomic():
        now = timezone.now()
        due = Webhook.objects.filter(
            sent_at=None, tries__lt=Webhook.MAX_TRIES, next_try_at__lte=now
        )
        webhook = due.select_for_update(skip_locked=True).order_by("next_try_at").first()
        if webhook is None:
            return False
        webhook.tries += 1
        webhook.next_try_at = now + dt.timedelta(seconds=2**webhook.tries)
        webhook.sent_at = now if _post(client, webhook.body.encode()) else None
        webhook.save()
    return True


def _post(client: httpx.Client, body: bytes) -> bool:
    timestamp = str(int(timezone.now().timestamp()))
    headers = {
        "Content-Type": "application/json",
        "X-Webhook-Timestamp": timestamp,
        "X-Webhook-Signature": sign(
            body, timestamp=timestamp, secret=settings.PAYMENT_3P_WEBHOOK_SECRET
        ),
    }
    try:
        answer = client.post(settings.PAYMENT_3P_WEBHOOK_URL, content=body, headers=headers)
    except httpx.HTTPError:
        return False
    return answer.is_success
