"""
What Stripe is asked to do, and how each is found again.

An order's payment is one PaymentIntent with manual capture. Every wish leaves its id in the
metadata of what it made: the intent's `authorize` and `capture`, a refund's `refund`. What is found
by an intent's id is exact; only the authorization, of which the shop may not know the intent, is
found by Stripe's search, which lags behind: by far less than the day for which keys are kept.
"""

from __future__ import annotations

import stripe
from stripe.params import RefundCreateParams

from apps.payment.gateway.interface import Accepted, Answer, NotFound, Refused, Wish
from apps.payment.gateway.stripe.amounts import to_stripe
from apps.payment.gateway.stripe.answers import of_authorization, of_refund
from apps.payment.models import Kind


def authorize(client: stripe.StripeClient, wish: Wish) -> Answer:
    """Hold the amount; nobody is there to prove who they are, so that is an error at once."""
    intent = client.v1.payment_intents.create(
        {
            "amount": to_stripe(wish.amount, wish.currency),
            "currency": wish.currency.lower(),
            "payment_method": wish.token,
            "allowed_payment_method_types": ["card"],
            "capture_method": "manual",
            "confirm": True,
            "error_on_requires_action": True,
            "metadata": {"order_id": str(wish.order_id), "authorize": str(wish.id)},
            "expand": ["latest_charge"],
        },
        {"idempotency_key": str(wish.id)},
    )
    return of_authorization(intent)


def capture(client: stripe.StripeClient, wish: Wish) -> Answer:
    """Take the amount; what is held above it is released. Of nothing, all is released."""
    if wish.amount == 0:
        return void(client, wish)
    client.v1.payment_intents.capture(
        wish.reference,
        {
            "amount_to_capture": to_stripe(wish.amount, wish.currency),
            "metadata": {"capture": str(wish.id)},
        },
        {"idempotency_key": str(wish.id)},
    )
    return Accepted()


def void(client: stripe.StripeClient, wish: Wish) -> Answer:
    """Release what is held."""
    client.v1.payment_intents.cancel(wish.reference, {}, {"idempotency_key": str(wish.id)})
    return Accepted()


def refund(client: stripe.StripeClient, wish: Wish) -> Answer:
    """Give back of what was captured."""
    asked: RefundCreateParams = {
        "payment_intent": wish.reference,
        "amount": to_stripe(wish.amount, wish.currency),
        "metadata": {"order_id": str(wish.order_id), "refund": str(wish.id)},
    }
    return of_refund(client.v1.refunds.create(asked, {"idempotency_key": str(wish.id)}))


def find_authorization(client: stripe.StripeClient, wish: Wish) -> Answer | NotFound:
    """Find the intent that this wish made."""
    query = f"metadata['authorize']:'{wish.id}'"
    found = client.v1.payment_intents.search(
        {"query": query, "limit": 1, "expand": ["data.latest_charge"]}
    ).data
    return of_authorization(found[0]) if found else NotFound()


def find_capture(client: stripe.StripeClient, wish: Wish) -> Answer | NotFound:
    """Look whether this wish captured the intent, not only whether someone did."""
    if wish.amount == 0:
        return find_void(client, wish)
    intent = client.v1.payment_intents.retrieve(wish.reference)
    is_ours = intent.metadata.to_dict().get("capture") == str(wish.id)
    return Accepted() if intent.status == "succeeded" and is_ours else NotFound()


def find_void(client: stripe.StripeClient, wish: Wish) -> Answer | NotFound:
    """Look whether the intent is cancelled, whoever did it: nothing is held any more."""
    intent = client.v1.payment_intents.retrieve(wish.reference)
    return Accepted() if intent.status == "canceled" else NotFound()


def find_refund(client: stripe.StripeClient, wish: Wish) -> Answer | NotFound:
    """Find the refund that this wish made, among all of the intent."""
    refunds = client.v1.refunds.list({"payment_intent": wish.reference, "limit": 100})
    for each in refunds.auto_paging_iter():
        if each.metadata and each.metadata.to_dict().get("refund") == str(wish.id):
            return of_refund(each)
    return NotFound()


def of_nothing(wish: Wish) -> Answer:
    """Answer a wish about a payment that Stripe does not hold: it knows no amount of nothing."""
    return Accepted() if wish.amount == 0 else Refused("unknown_token")


CALLS = {
    Kind.AUTHORIZE: authorize,
    Kind.CAPTURE: capture,
    Kind.VOID: void,
    Kind.REFUND: refund,
}
FINDS = {
    Kind.AUTHORIZE: find_authorization,
    Kind.CAPTURE: find_capture,
    Kind.VOID: find_void,
    Kind.REFUND: find_refund,
}
