"""What goes in and out as JSON. The OpenAPI document is made of these models."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Amount = Annotated[
    int, Field(ge=0, le=10**12, strict=True, description="In the currency's minor unit.")
]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="An ISO 4217 code.")]
State = Literal["NEW", "HELD", "CAPTURED", "CANCELLED"]
Operation = Literal["check", "updateAmount", "processPayment", "cancelPayment", "refund"]
Reason = Literal[
    "amount_above_limit",
    "amount_too_high",
    "capture_refused",
    "card_declined",
    "currency_mismatch",
    "insufficient_funds",
    "token_used",
]
Code = Literal[
    "idempotency_key_reused",
    "internal_error",
    "invalid",
    "method_not_allowed",
    "not_found",
    "unauthorized",
    "unknown_token",
    "wrong_state",
]


class Body(BaseModel):
    """A request's JSON; what isn't known is refused."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class PreauthBody(Body):
    """A card, and how much may be taken from it at most."""

    card_number: Annotated[str, Field(pattern=r"^[0-9]{12,19}$")]
    amount: Amount
    currency: Currency = "EUR"


class OperationBody(Body):
    """The payment that is meant."""

    payment_token: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class CheckBody(OperationBody):
    """How much is to be held."""

    amount: Amount
    currency: Currency | None = None


class AmountBody(OperationBody):
    """How much is still to be held."""

    amount: Amount


class RefundBody(OperationBody):
    """How much goes back."""

    amount: Annotated[Amount, Field(ge=1)]


class ProcessBody(OperationBody):
    """How much is captured; all that is held if no amount is named."""

    amount: Amount | None = None


class Answer(BaseModel):
    """An answer's JSON: no more than this, and all of it."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        json_schema_serialization_defaults_required=True,
    )


class Health(Answer):
    """The database answers."""

    ok: Literal[True] = True


class Token(Answer):
    """What stands for the card from now on."""

    payment_token: str


class Done(Answer):
    """It was done, now or when the key was first used."""

    ok: Literal[True] = True


class Captured(Done):
    """It was captured; `fee` is what the third party keeps of it."""

    fee: Amount


class NotDone(Answer):
    """It was not done, and won't be: a verdict, not an error."""

    ok: Literal[False] = False
    reason: Reason


class Problem(Answer):
    """The request was not understood, not allowed, or not possible now."""

    message: str
    code: Code


class PaymentShown(Answer):
    """A payment as its owner may see it; the card's number is not kept."""

    payment_token: str
    state: State
    currency: Currency
    limit: Amount
    held: Amount
    captured: Amount
    refunded: Amount
    created_at: dt.datetime


class EntryShown(Answer):
    """One thing that was done; `reference` is the Idempotency-Key that it was asked with."""

    operation: Operation
    amount: Amount
    fee: Annotated[Amount, Field(description="What the third party keeps; only of captures.")]
    reference: str
    made_at: dt.datetime


class PaymentWithEntries(PaymentShown):
    """A payment with all that was done, oldest first."""

    entries: list[EntryShown]


class PaymentPage(Answer):
    """Some payments; `after` leads to the next page, and is null on the last."""

    results: list[PaymentShown]
    after: int | None


class BookEntry(EntryShown):
    """An entry of the books, with the payment that it belongs to."""

    id: int
    payment_token: str
    currency: Currency


class BookPage(Answer):
    """Some entries of a day, oldest first; `after` leads on, and is null on the last page."""

    on: dt.date
    results: list[BookEntry]
    after: int | None


class WebhookBody(Answer):
    """A payment changed; `reference` is the Idempotency-Key of what changed it."""

    id: str
    type: Operation
    reference: str
    created_at: dt.datetime
    payment: PaymentShown
