"""Signed messages from gateways: who sent them, when, and which wish they speak of."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import uuid
from collections.abc import Mapping

import orjson

from kernel.refusals import Refusal

# A copy that someone kept and sends again much later is no message of the gateway.
TOLERANCE = dt.timedelta(minutes=5)
SIGNATURE, TIMESTAMP = "X-Webhook-Signature", "X-Webhook-Timestamp"


class UntrustedWebhook(Refusal):
    """The webhook isn't signed by its gateway, or not lately."""

    status = 401


def sign(body: bytes, *, secret: str, at: dt.datetime) -> dict[str, str]:
    """Return the headers with which payment_3p sends a body at this time."""
    timestamp = str(int(at.timestamp()))
    return {TIMESTAMP: timestamp, SIGNATURE: _signature(body, timestamp, secret)}


def reference_of(
    body: bytes, headers: Mapping[str, str], *, secret: str, at: dt.datetime
) -> uuid.UUID | None:
    """
    Return the id of the wish that a webhook speaks of; None if it speaks of another thing.

    Without a secret none is trusted.

    :raises UntrustedWebhook:
    """
    timestamp, signature = headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
    expected = _signature(body, timestamp, secret)
    # As bytes: whoever sends other characters is refused as well.
    if not secret or not hmac.compare_digest(signature.encode(), expected.encode()):
        raise UntrustedWebhook
    if abs(at.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():  # a number: it is signed
        raise UntrustedWebhook
    try:
        return uuid.UUID(orjson.loads(body)["reference"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _signature(body: bytes, timestamp: str, secret: str) -> str:
    signed = f"{timestamp}.".encode() + body
    return f"sha256={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
