"""What a reader of the catalogue may ask for, in lists and in facets alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from apps.products.models import MAX_TAG, MAX_VALUE, NAME, SLUG
from apps.products.queries import Wanted
from kernel.money import MAX_AMOUNT
from kernel.rest.fields import QueryForm

MAX_WANTED_TAGS = MAX_WANTED_ATTRIBUTES = MAX_WANTED_VALUES = 5
_ATTRIBUTE = "attr."
ATTRIBUTE = OpenApiParameter(
    "attributes",
    {
        "type": "object",
        "maxProperties": MAX_WANTED_ATTRIBUTES,
        "patternProperties": {
            rf"^attr\.{NAME.strip('^$')}$": {"type": "string", "maxLength": MAX_VALUE}
        },
        "additionalProperties": False,
    },
    style="form",
    explode=True,
    description="The value of an attribute, whatever its name: `attr.colour=red`. Given more than"
    " once, it finds what has one of them; several attributes all apply.",
)


class Filters(QueryForm):
    open_prefix = _ATTRIBUTE

    q = serializers.CharField(
        min_length=2,
        max_length=100,
        required=False,
        help_text="Words of name, code, model and description; `or`, `-word` and quotation marks"
        " mean what they usually do. If nothing has them, the last one may be the beginning of a"
        " word, and then words of names that are spelt much alike are looked for.",
    )
    category = serializers.RegexField(
        SLUG, max_length=60, required=False, help_text="A slug; finds those below it too."
    )
    tag = serializers.ListField(
        child=serializers.CharField(max_length=MAX_TAG),
        max_length=MAX_WANTED_TAGS,
        required=False,
        help_text="Given more than once, it finds what has all of them.",
    )
    price_min = serializers.IntegerField(
        min_value=0, max_value=MAX_AMOUNT, required=False, help_text="In minor units."
    )
    price_max = serializers.IntegerField(
        min_value=0, max_value=MAX_AMOUNT, required=False, help_text="In minor units."
    )
    available = serializers.BooleanField(
        required=False, help_text="The warehouse has some that nobody reserved, or not."
    )
    code = serializers.CharField(max_length=40, required=False, help_text="Finds one.")

    def to_internal_value(self, data: QueryDict) -> dict[str, Any]:
        asked: dict[str, Any] = super().to_internal_value(data)
        asked["attributes"] = {
            name.removeprefix(_ATTRIBUTE): data.getlist(name)
            for name in data
            if name.startswith(_ATTRIBUTE)
        }
        if wrong := dict(_wrong(asked["attributes"])):
            raise serializers.ValidationError(wrong)
        return asked

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("price_min", 0) > attrs.get("price_max", MAX_AMOUNT):
            message = serializers.ErrorDetail("It is below price_min.", code="below_price_min")
            raise serializers.ValidationError({"price_max": [message]})
        return attrs


def _wrong(attributes: Mapping[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    for number, (name, values) in enumerate(attributes.items()):
        if number >= MAX_WANTED_ATTRIBUTES or len(values) > MAX_WANTED_VALUES:
            yield _ATTRIBUTE + name, ["That is too much to look for."]
        elif not re.fullmatch(NAME, name):
            yield _ATTRIBUTE + name, ["No attribute has such a name."]
        elif any(len(value) > MAX_VALUE or "\0" in value for value in values):
            yield _ATTRIBUTE + name, ["No attribute has such a value."]


def wanted(asked: dict[str, Any]) -> Wanted:
    """Return what validated `Filters` ask for."""
    return Wanted(
        category=asked.get("category"),
        tags=tuple(tag.strip().lower() for tag in asked.get("tag", ())),
        price_min=asked.get("price_min"),
        price_max=asked.get("price_max"),
        is_available=asked.get("available"),
        code=asked.get("code"),
        attributes=asked["attributes"],
    )
