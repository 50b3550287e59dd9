"""The gateway Stripe, by its own library."""

from __future__ import annotations

import datetime as dt
import functools
import uuid
from collections.abc import Mapping

import orjson
import stripe
from django.conf import settings

from apps.payment.gateway.books import BooksPage
from apps.payment.gateway.interface import (
    Accepted,
    Answer,
    Gateway,
    NotFound,
    Refused,
    Unknown,
    Wish,
)
from apps.payment.gateway.stripe import books, operations
from apps.payment.gateway.stripe.amounts import UnusableAmount
from apps.payment.gateway.stripe.answers import is_doubtful, of_error
from apps.payment.gateway.webhooks import TOLERANCE, UntrustedWebhook
from apps.payment.models import Kind
from kernel import limits

TIMEOUT = (limits.CONNECT_SECONDS, limits.READ_SECONDS)
# Which of an object's metadata names the wish that an event tells of.
_NAMES = {
    "payment_intent.amount_capturable_updated": "authorize",
    "payment_intent.payment_failed": "authorize",
    "payment_intent.succeeded": "capture",
    "refund.created": "refund",
    "refund.updated": "refund",
}


class StripeGateway(Gateway):
    """
    One client for a process. A token is the id of a PaymentMethod of type card, `pm_…`.

    What is held can't be lowered: Stripe releases what a capture leaves.
    """

    lowers_holds = False
    has_books = True

    def __init__(
        self,
        secret_key: str,
        *,
        webhook_secret: str = "",
        url: str = stripe.DEFAULT_API_BASE,
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        self._webhook_secret = webhook_secret
        self._client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": url},
            http_client=stripe.RequestsClient(timeout=timeout),
            max_network_retries=0,  # whoever waits for an answer asks again
        )

    def call(self, wish: Wish) -> Answer:
        """Do it; Stripe answers the same to the same key for a day."""
        if not wish.reference and (wish.kind != Kind.AUTHORIZE or not wish.amount):
            return operations.of_nothing(wish)
        try:
            return operations.CALLS[Kind(wish.kind)](self._client, wish)
        except UnusableAmount:
            return Refused("unusable_amount")
        except stripe.StripeError as error:
            if is_doubtful(error):
                found = self.find(wish)
                return of_error(error) if isinstance(found, NotFound) else found
            return of_error(error)

    def find(self, wish: Wish) -> Answer | NotFound:
        """Look for the wish's id in what it would have made."""
        if not wish.reference and (wish.kind != Kind.AUTHORIZE or not wish.amount):
            return NotFound() if wish.amount else Accepted()
        try:
            return operations.FINDS[Kind(wish.kind)](self._client, wish)
        except stripe.StripeError as error:
            answer = of_error(error)
            return NotFound() if answer == Refused("unknown_token") else answer

    def books(self, on: dt.date, *, after: str = "") -> BooksPage | Unknown:
        """Read a page of the day's books."""
        try:
            return books.read(self._client, on, after=after)
        except stripe.StripeError as error:
            answer = of_error(error)
            return Unknown(answer.reason) if isinstance(answer, Refused) else answer

    def read_webhook(
        self, body: bytes, headers: Mapping[str, str], *, at: dt.datetime
    ) -> uuid.UUID | None:
        """
        Return the wish's id, from the metadata of what the event tells of.

        The library compares with the clock itself, and lets a signature be of the future.

        :raises UntrustedWebhook:
        """
        header, tolerance = headers.get("Stripe-Signature"), int(TOLERANCE.total_seconds())
        try:
            stripe.WebhookSignature.verify_header(body, header, self._webhook_secret, tolerance)
        except (stripe.SignatureVerificationError, ValueError, TypeError) as error:
            raise UntrustedWebhook from error  # the latter two: letters that no signature has
        try:
            event = orjson.loads(body)
            return uuid.UUID(event["data"]["object"]["metadata"][_NAMES[event["type"]]])
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


@functools.cache
def stripe_gateway() -> StripeGateway:
    """Return this process's client; made at the first call, so never shared with a forked child."""
    return StripeGateway(
        settings.STRIPE_SECRET_KEY,
        webhook_secret=settings.STRIPE_WEBHOOK_SECRET,
        url=settings.STRIPE_URL,
    )
