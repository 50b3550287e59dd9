"""Who may follow an order, and from where on: said by the API, believed by the stream process."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from urllib.parse import urlencode

from django.conf import settings

from kernel import limits
from kernel.refusals import Refusal
from kernel.signing import ExpiredSignature, InvalidSignature, sign, unsign

LIFETIME = dt.timedelta(seconds=limits.STREAM_TICKET_SECONDS)
_PURPOSE = "order-stream"
_EVENT_ID = re.compile(r"[0-9]{1,18}")  # what a bigint can hold


class InvalidTicket(Refusal):
    """The ticket is not for this order, or is too old: ask the API for the stream again."""

    status = 403


class InvalidLastEventId(Refusal):
    """Last-Event-ID is not an id that a stream gave out."""

    status = 400


def address(*, order_id: uuid.UUID, after: int, at: dt.datetime) -> str:
    """
    Return where the order is told from the event `after` on, for a minute from `at`.

    The ticket in it lets in whoever has it: a client that is redirected to another origin drops
    its Authorization header, and the stream process need not know any account.
    """
    ticket = sign({"order": str(order_id)}, purpose=_PURPOSE, expires_at=at + LIFETIME)
    query = urlencode({"ticket": ticket, **({"last_event_id": after} if after else {})})
    return f"{settings.STREAMS_URL}/orders/{order_id}?{query}"


def demand_ticket(ticket: str, *, order_id: uuid.UUID) -> None:
    """
    Do nothing if the ticket is good for this order.

    :raises InvalidTicket: if it is another's, forged, or too old.
    """
    try:
        value = unsign(ticket, purpose=_PURPOSE)
    except (InvalidSignature, ExpiredSignature) as error:
        raise InvalidTicket from error
    if value["order"] != str(order_id):
        raise InvalidTicket


def last_event_id(header: str | None, query: str | None) -> int:
    """
    Return the id of the last event that the client has; 0 if it has none.

    The header wins: a client that comes again sets it anew, and repeats the query as it was.

    :raises InvalidLastEventId: if it is no number.
    """
    text = header or query or "0"
    if not _EVENT_ID.fullmatch(text):
        raise InvalidLastEventId
    return int(text)
