"""The outside world of payment: gateways behind one class, by their names."""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections.abc import Callable, Iterator, Mapping

from django.conf import settings

from apps.payment.gateway.books import BookEntry, BooksPage
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
from apps.payment.gateway.stripe import StripeGateway, stripe_gateway
from apps.payment.gateway.webhooks import UntrustedWebhook
from kernel import tracing
from kernel.bus import context

__all__ = [
    "Accepted",
    "Answer",
    "BookEntry",
    "BooksPage",
    "FakeGateway",
    "Gateway",
    "NotFound",
    "Payment3P",
    "Refused",
    "StripeGateway",
    "Unknown",
    "UntrustedWebhook",
    "Wish",
    "carry_out",
    "find",
    "installed",
    "is_known",
    "lowers_holds",
    "read_books",
    "read_webhook",
    "with_books",
]

_ALL: dict[str, Callable[[], Gateway]] = {"payment_3p": payment_3p, "stripe": stripe_gateway}
_GATEWAYS: dict[str, Callable[[], Gateway]] = {
    name: _ALL[name] for name in settings.PAYMENT_GATEWAYS
}


def is_known(name: str) -> bool:
    """Return whether the shop can pay through a gateway of this name."""
    return name in _GATEWAYS


def lowers_holds(name: str) -> bool:
    """Return whether this gateway can lower what it holds."""
    return _GATEWAYS[name]().lowers_holds


def carry_out(wish: Wish) -> Answer:
    """
    Ask the wish's gateway to do it; the same wish can be asked again without harm.

    Never inside a transaction. A wish that the gateway may have been told of, so long ago that
    it forgot the key, is looked up in the gateway's books first.
    """
    gateway = _GATEWAYS[wish.gateway]()
    with _asking(wish, f"{wish.gateway} {wish.kind}"):
        if wish.may_be_forgotten:
            found = gateway.find(wish)
            if not isinstance(found, NotFound):
                return found
        return gateway.call(wish)


def find(wish: Wish) -> Accepted | NotFound | Unknown:
    """Say whether a gateway did what was wished: what it refused is not done. No transaction."""
    with _asking(wish, f"{wish.gateway} find"):
        found = _GATEWAYS[wish.gateway]().find(wish)
    return NotFound() if isinstance(found, Refused) else found


def _asking(wish: Wish, name: str) -> contextlib.AbstractContextManager[tracing.Span]:
    """Show in the trace how long the gateway takes."""
    cause = context.current().traceparent
    return tracing.span(name, "client", cause=cause, shop__order_id=str(wish.order_id))


def with_books() -> list[str]:
    """Return the names of the gateways that tell their books, sorted."""
    return sorted(name for name, make in _GATEWAYS.items() if make().has_books)


def read_books(gateway: str, on: dt.date, *, after: str = "") -> BooksPage | Unknown:
    """Read a page of what a gateway did on a day (UTC). Never inside a transaction."""
    return _GATEWAYS[gateway]().books(on, after=after)


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
