"""The outside world of payment: gateways behind one class, by their names."""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections.abc import Callable, Iterator, Mapping

from apps.payment.gateway.fake import FakeGateway
from apps.payment.gateway.interface import (
    Accepted,
    Answer,
    Gateway,
    NotFound,
    Refused,
    Unknown,
    Wish,
)
from apps.payment.gateway.payment_3p import Payment3P, payment_3p
from apps.payment.gateway.webhooks import UntrustedWebhook

__all__ = [
    "Accepted",
    "Answer",
    "FakeGateway",
    "Gateway",
    "NotFound",
    "Payment3P",
    "Refused",
    "Unknown",
    "UntrustedWebhook",
    "Wish",
    "carry_out",
    "installed",
    "is_known",
    "read_webhook",
]

_GATEWAYS: dict[str, Callable[[], Gateway]] = {"payment_3p": payment_3p}


def is_known(name: str) -> bool:
    """Return whether the shop can pay through a gateway of this name."""
    return name in _GATEWAYS


def carry_out(wish: Wish) -> Answer:
    """
    Ask the wish's gateway to do it; the same wish can be asked again without harm.

    Never inside a transaction. A wish that the gateway may have been told of, so long ago that
    it forgot the key, is looked up in the gateway's books first.
    """
    gateway = _GATEWAYS[wish.gateway]()
    if wish.may_be_forgotten:
        found = gateway.find(wish)
        if not isinstance(found, NotFound):
            return found
    return gateway.call(wish)


def read_webhook(
    gateway: str, *, body: bytes, headers: Mapping[str, str], at: dt.datetime
) -> uuid.UUID | None:
    """
    Return the id of the wish that a gateway's webhook speaks of, if it speaks of one.

    :raises UntrustedWebhook: also of a gateway that nobody knows.
    """
    if not is_known(gateway):
        raise UntrustedWebhook
    return _GATEWAYS[gateway]().read_webhook(body, headers, at=at)


@contextlib.contextmanager
def installed(gateway: Gateway, *, name: str = "payment_3p") -> Iterator[None]:
    """Let this gateway stand under the name while the block runs: for tests and rehearsals."""
    before = _GATEWAYS.get(name)
    _GATEWAYS[name] = lambda: gateway
    try:
        yield
    finally:
        _GATEWAYS.pop(name)
        if before:
            _GATEWAYS[name] = before
