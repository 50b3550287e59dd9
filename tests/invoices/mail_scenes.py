"""An order's life as its mails hear of it, and the mails as a reader's server gets them."""

from __future__ import annotations

import dataclasses
import email
import email.policy
import uuid
from email.message import EmailMessage
from typing import Any

from pytest_django import Settings

from apps.invoices.models import Mail
from apps.orders.events import (
    OrderCancelled,
    OrderFailed,
    OrderLinkRequested,
    OrderPlaced,
    OrderShipped,
)
from kernel.bus.event import Event
from kernel.ids import new_id
from tests.invoices.scenes import (
    ADDRESS,
    NOON,
    TERMS,
    captured,
    fulfilled,
    refunded,
)
from tests.smtp import Server

GUEST, NUMBER, TRACKING = "ada@example.com", "7KQ2-M3XP", "TRK-1"


def placed(order_id: uuid.UUID, **changes: Any) -> OrderPlaced:
    """Tell that a guest, or a customer if one is named, has placed an order."""
    customer_id = changes.get("customer_id")
    facts = {
        "occurred_at": NOON,
        "order_id": order_id,
        "version": 1,
        "number": NUMBER,
        "customer_id": None,
        "person_id": customer_id or order_id,
        "terms": TERMS,
        "country": "SE",
        "address": ADDRESS,
        "gateway": "payment_3p",
        "payment_token": "tok",
        "locale": "en",
        "email": None if customer_id else GUEST,
    }
    return OrderPlaced(**{**facts, **changes})


def shipped(order_id: uuid.UUID) -> OrderShipped:
    return OrderShipped(occurred_at=NOON, order_id=order_id, version=4, tracking_number=TRACKING)


def cancelled(order_id: uuid.UUID, reason: str = "requested") -> OrderCancelled:
    return OrderCancelled(occurred_at=NOON, order_id=order_id, version=2, reason=reason)  # type: ignore[arg-type]


def failed(order_id: uuid.UUID, reason: str) -> OrderFailed:
    return OrderFailed(occurred_at=NOON, order_id=order_id, version=5, reason=reason)  # type: ignore[arg-type]


def link_asked(order_id: uuid.UUID | None) -> OrderLinkRequested:
    return OrderLinkRequested(occurred_at=NOON, request_id=new_id(), order_id=order_id)


def whole_life(order_id: uuid.UUID, **how: Any) -> list[Event]:
    """Return what is told of an order that is placed, sent, paid, and partly paid back."""
    arrived = fulfilled(
        order_id, customer_id=how.get("customer_id"), locale=how.get("locale", "en")
    )
    return [
        placed(order_id, **how),
        shipped(order_id),
        arrived,
        captured(order_id),
        refunded(order_id),
    ]


@dataclasses.dataclass(frozen=True)
class Got:
    """A mail as its reader's server got it."""

    id: str
    to: str
    subject: str
    text: str
    html: str
    files: dict[str, bytes]


def got(server: Server) -> list[Got]:
    """Return all that a mail server took, oldest first."""
    return [_read(text) for text in server.mails]


def _read(text: str) -> Got:
    message: EmailMessage = email.message_from_bytes(text.encode(), policy=email.policy.default)  # type: ignore[arg-type, assignment]
    plain, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    return Got(
        id=message["Message-ID"].strip("<>").partition("@")[0],
        to=message["To"],
        subject=message["Subject"],
        text=plain.get_content().replace("\r\n", "\n"),
        html=html.get_content(),
        files={str(part.get_filename()): part.get_content() for part in message.iter_attachments()},
    )


def use(settings: Settings, server: Server) -> None:
    """Let mails go to this server."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.server_address[1]
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False


def states() -> dict[str, str]:
    """Return each mail's state by its kind; copies and links are in no test that asks so."""
    return dict(Mail.objects.order_by("id").values_list("kind", "state"))
