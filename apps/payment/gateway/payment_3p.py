"""The gateway payment_3p, over HTTP."""

from __future__ import annotations

import datetime as dt
import functools
import uuid
from collections.abc import Mapping
from typing import Any

import httpx
from django.conf import settings

from apps.payment.gateway.books import BookEntry, BooksPage
from apps.payment.gateway.interface import (
    Accepted,
    Answer,
    Gateway,
    NotFound,
    Refused,
    Unknown,
    Wish,
)
from apps.payment.gateway.webhooks import reference_of
from apps.payment.models import Kind
from kernel import limits

# What is neither connecting nor waiting for the answer takes a moment, or something is wrong.
TIMEOUT = httpx.Timeout(0.5, connect=limits.CONNECT_SECONDS, read=limits.READ_SECONDS)
_PATHS = {
    Kind.AUTHORIZE: "/check",
    Kind.AMEND: "/updateAmount",
    Kind.CAPTURE: "/processPayment",
    Kind.VOID: "/cancelPayment",
    Kind.REFUND: "/refund",
}
_KINDS = {path.strip("/"): kind for kind, path in _PATHS.items()}
# These are verdicts about the payment; any other error is about us, or about today.
_VERDICTS = {400: "invalid", 404: "unknown_token", 409: "wrong_state"}


class Payment3P(Gateway):
    """One client for a process: connections are kept, and shared by its threads."""

    has_books = True

    def __init__(
        self,
        url: str,
        *,
        api_key: str,
        webhook_secret: str = "",
        timeout: httpx.Timeout = TIMEOUT,
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"}
        self._webhook_secret = webhook_secret
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout)

    def call(self, wish: Wish) -> Answer:
        """Do it; payment_3p answers the same to the same key for a day."""
        headers = {"Idempotency-Key": str(wish.id)}
        try:
            response = self._http.post(_PATHS[Kind(wish.kind)], json=_body(wish), headers=headers)
        except httpx.HTTPError as error:
            return Unknown(type(error).__name__)
        return _answer(response)

    def find(self, wish: Wish) -> Accepted | NotFound | Unknown:
        """Look for an entry with the wish's id as its reference."""
        try:
            response = self._http.get(f"/payments/{wish.token}")
        except httpx.HTTPError as error:
            return Unknown(type(error).__name__)
        body = _json(response)
        if response.status_code == 404 and body.get("code") == "unknown_token":
            return NotFound()
        if not response.is_success or "entries" not in body:
            return Unknown(f"status {response.status_code}")
        entries = {entry["reference"]: entry for entry in body["entries"]}
        entry = entries.get(str(wish.id))
        return Accepted(fee=_fee(entry)) if entry else NotFound()

    def books(self, on: dt.date, *, after: str = "") -> BooksPage | Unknown:
        """Read a page of the day's books."""
        query = {"on": on.isoformat(), "after": after or "0"}
        try:
            response = self._http.get("/books", params=query)
        except httpx.HTTPError as error:
            return Unknown(type(error).__name__)
        body = _json(response)
        if not response.is_success or "results" not in body:
            return Unknown(f"status {response.status_code}")
        entries = tuple(map(_entry, body["results"]))
        return BooksPage(entries, after=str(body["after"] or ""))

    def read_webhook(
        self, body: bytes, headers: Mapping[str, str], *, at: dt.datetime
    ) -> uuid.UUID | None:
        """
        Return the wish's id: payment_3p calls the Idempotency-Key of an operation its reference.

        :raises UntrustedWebhook:
        """
        return reference_of(body, headers, secret=self._webhook_secret, at=at)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()


@functools.cache
def payment_3p() -> Payment3P:
    """Return this process's client; made at the first call, so never shared with a forked child."""
    return Payment3P(
        settings.PAYMENT_3P_URL,
        api_key=settings.PAYMENT_3P_API_KEY,
        webhook_secret=settings.PAYMENT_3P_WEBHOOK_SECRET,
    )


def _body(wish: Wish) -> dict[str, Any]:
    body: dict[str, Any] = {"paymentToken": wish.token}
    if wish.kind != Kind.VOID:
        body["amount"] = wish.amount
    if wish.kind == Kind.AUTHORIZE:
        body["currency"] = wish.currency
    return body


def _answer(response: httpx.Response) -> Answer:
    body = _json(response)
    if response.status_code == 200 and body.get("ok") is True:
        return Accepted(fee=_fee(body))
    if response.status_code == 200 and body.get("ok") is False:
        return Refused(str(body.get("reason") or "refused"))
    if response.status_code in _VERDICTS and body.get("code") == _VERDICTS[response.status_code]:
        return Refused(_VERDICTS[response.status_code])
    return Unknown(f"status {response.status_code}")


def _entry(shown: dict[str, Any]) -> BookEntry:
    return BookEntry(
        id=str(shown["id"]),
        reference=shown["reference"],
        token=shown["paymentToken"],
        kind=_KINDS[shown["operation"]],
        amount=shown["amount"],
        currency=shown["currency"],
        fee=shown["fee"],
        made_at=dt.datetime.fromisoformat(shown["madeAt"]),
    )


def _fee(body: dict[str, Any]) -> int | None:
    fee = body.get("fee")
    return fee if isinstance(fee, int) else None


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
