"""Values that one module hands to another through a client's hands, signed and short-lived."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.core import signing
from django.utils import timezone

from kernel.refusals import Refusal

_ORDER = "order-link"


class InvalidSignature(Refusal):
    """The signed value was changed, or was not made here."""

    status = 422


class ExpiredSignature(Refusal):
    """The signed value has expired: ask for a new one."""

    status = 422


def sign(value: dict[str, Any], *, purpose: str, expires_at: dt.datetime) -> str:
    """Sign a JSON value for one purpose; a value signed for another is not accepted."""
    return signing.dumps({"value": value, "exp": int(expires_at.timestamp())}, salt=purpose)


def unsign(text: str, *, purpose: str) -> dict[str, Any]:
    """
    Return the value that `sign` was given.

    :raises InvalidSignature: if it was not signed here for this purpose.
    :raises ExpiredSignature: if its time is over.
    """
    try:
        signed = signing.loads(text, salt=purpose)
    except signing.BadSignature as error:
        raise InvalidSignature from error
    if timezone.now().timestamp() >= signed["exp"]:
        raise ExpiredSignature
    value: dict[str, Any] = signed["value"]
    return value


def sign_order(order_id: uuid.UUID, *, expires_at: dt.datetime) -> str:
    """Return what lets its bearer in to this order until then, without a login."""
    return sign({"order": str(order_id)}, purpose=_ORDER, expires_at=expires_at)


def unsign_order(token: str) -> uuid.UUID:
    """
    Return the order that its bearer is let in to.

    :raises InvalidSignature: if it was not signed here for this.
    :raises ExpiredSignature: if its time is over.
    """
    return uuid.UUID(unsign(token, purpose=_ORDER)["order"])
