"""
Signed messages to the shop that a payment changed.

`X-Webhook-Signature` is `sha256=` and the hex HMAC-SHA256, under the shared secret, of the text
of `X-Webhook-Timestamp` (seconds since 1970), a full stop, and the body.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
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
from payment_3p.cards import Behaviour
from payment_3p.forms import WebhookBody
from payment_3p.models import Entry, Payment, Webhook

POLL_SECONDS = min(1.0, settings.PAYMENT_3P_WEBHOOK_PAUSE_SECONDS)
SEND_SECONDS = 5
_COPIES = {Behaviour.WEBHOOK_TWICE: 2, Behaviour.WEBHOOK_NEVER: 0}
log = logging.getLogger(__name__)
_woken = threading.Event()


def enqueue(payment: Payment, entry: Entry) -> list[int]:
    """Store webhooks in the transaction of the change, if anyone wants them; return their ids."""
    if not _is_wanted():
        return []
    body = WebhookBody(
        id=f"evt_{secrets.token_hex(16)}",
        type=entry.Operation(entry.operation).value,
        reference=entry.reference,
        created_at=entry.made_at,
        payment=payment.shown(),
    ).model_dump_json(by_alias=True)
    copies = _COPIES.get(Behaviour(payment.behaviour), 1)
    new = [
        Webhook(body=body, created_at=entry.made_at, next_try_at=entry.made_at)
        for _ in range(copies)
    ]
    return [webhook.pk for webhook in Webhook.objects.bulk_create(new)]


def send_now(ids: list[int]) -> None:
    """Send these before going on; whoever is already at it is waited for."""
    with httpx.Client(timeout=SEND_SECONDS) as client, transaction.atomic():
        unsent = Webhook.objects.filter(pk__in=ids, sent_at=None)
        for webhook in unsent.select_for_update().order_by("pk"):
            _try(client, webhook)


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
    with httpx.Client(timeout=SEND_SECONDS) as client:
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
        _try(client, webhook)
    return True


def _try(client: httpx.Client, webhook: Webhook) -> None:
    """Send it, or note when to try again: after a pause that doubles."""
    is_taken, now = _post(client, webhook.body.encode()), timezone.now()
    pause = settings.PAYMENT_3P_WEBHOOK_PAUSE_SECONDS * 2**webhook.tries
    webhook.tries += 1
    webhook.next_try_at = now + dt.timedelta(seconds=pause)
    webhook.sent_at = now if is_taken else None
    webhook.save()


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
