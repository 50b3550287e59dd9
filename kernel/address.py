"""A postal address, judged alike wherever one is given."""

from __future__ import annotations

import re
from typing import Annotated

import phonenumbers
from babel import Locale
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

# What CLDR counts as a territory but ISO 3166-1 doesn't count as a country.
_NO_COUNTRIES = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}
COUNTRIES = frozenset(filter(re.compile(r"[A-Z]{2}").fullmatch, Locale("en").territories)) - (
    _NO_COUNTRIES
)


def _known_country(code: str) -> str:
    if code not in COUNTRIES:
        raise ValueError("This is not a country code of ISO 3166-1 alpha-2, such as SE.")
    return code


def _e164(number: str) -> str:
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException as error:
        raise ValueError("Write the phone number with its country: +46701234567.") from error
    if not phonenumbers.is_possible_number(parsed):
        raise ValueError("This phone number is too short or too long for its country.")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$"), AfterValidator(_known_country)]
Text = Annotated[str, Field(min_length=1, max_length=200)]


class Address(BaseModel):
    """Where something is sent: the country by ISO 3166-1 alpha-2, the phone number in E.164."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True, extra="forbid")

    name: Text
    company_name: Annotated[str, Field(max_length=200)] = ""
    street_address: Text
    post_code: Annotated[str, Field(max_length=20)] = ""
    city: Text
    state: Annotated[str, Field(max_length=100)] = ""
    country: Country
    phone_number: Annotated[str, Field(max_length=30), AfterValidator(_e164)]
