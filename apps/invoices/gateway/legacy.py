"""What the legacy system writes: a line is one invoice, as JSON. Nothing of it is believed."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal
from typing import Annotated, Any

from babel.numbers import get_currency_precision
from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from apps.invoices.models import MAX_NUMBER
from kernel.money import MAX_AMOUNT

MAX_REASON = 200
MAX_QUANTITY = 1_000_000
MAX_PRODUCTS = 1_000


@dataclasses.dataclass(frozen=True)
class InvalidLine:
    """A line is no invoice; the reason quotes nothing of it, since it may be personal."""

    reason: str


def _email(value: str) -> str:
    try:
        validate_email(value)
    except DjangoValidationError as error:
        raise ValueError("it is no e-mail address") from error
    return value.lower()


def _minor_units(value: Any) -> int:
    """Turn a number of euros, say, into one of cents."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("it is no number")  # noqa: TRY004 -- pydantic wants this one
    if not 0 <= value <= MAX_AMOUNT:
        raise ValueError("it is below zero, or too much")
    amount = Decimal(value).scaleb(get_currency_precision(settings.CURRENCY))
    if amount != amount.to_integral_value():
        raise ValueError(f"it has more decimals than {settings.CURRENCY}")
    if amount > MAX_AMOUNT:
        raise ValueError("it is below zero, or too much")
    return int(amount)


_MODEL = ConfigDict(strict=True, frozen=True, str_strip_whitespace=True)
_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"


class LegacyProduct(BaseModel):
    """What was sold: the legacy system's own id."""

    model_config = _MODEL

    id: Annotated[str, Field(max_length=100, pattern=_PRINTABLE)]
    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY)]


class LegacyInvoice(BaseModel):
    """An invoice. `totalValue` is in whole units of the shop's currency: 12.5 is €12.50."""

    model_config = _MODEL

    customer_email: Annotated[
        str, Field(alias="customerEmail", max_length=254), AfterValidator(_email)
    ]
    number: Annotated[str, Field(alias="invoiceNumber", max_length=MAX_NUMBER, pattern=_PRINTABLE)]
    total: Annotated[int, Field(alias="totalValue"), BeforeValidator(_minor_units)]
    products: Annotated[list[LegacyProduct], Field(max_length=MAX_PRODUCTS)]


class _KeyTwice(Exception):
    """One reader would take the first value, another one the last."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _KeyTwice
    return found


def _refuse(constant: str) -> None:
    raise ValueError(constant)  # NaN and Infinity are no JSON


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_float=Decimal, parse_constant=_refuse)


def parse(content: bytes) -> LegacyInvoice | InvalidLine:
    """Return the invoice of a line, or why it is none."""
    try:
        return LegacyInvoice.model_validate(_DECODER.decode(content.decode()))
    except UnicodeDecodeError:
        return InvalidLine("It is not UTF-8.")
    except ValidationError as error:
        return InvalidLine(_reason(error)[:MAX_REASON])
    except _KeyTwice:
        return InvalidLine("A name stands twice in one object.")
    except (ValueError, RecursionError):
        return InvalidLine("It is not JSON.")


def _reason(error: ValidationError) -> str:
    """Name the first field that is wrong, and what is wrong with it."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    place = ".".join(str(each) for each in first["loc"])
    what = first["msg"].removeprefix("Value error, ")
    return f"{place}: {what}." if place else "It is no object."
