"""The bodies of requests and answers about products."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from html import escape
from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from apps.products.events import Package
from apps.products.gateway import picture_url
from apps.products.models import (
    MAX_ATTRIBUTES,
    MAX_GRAMS,
    MAX_MILLIMETRES,
    MAX_TAG,
    MAX_TAGS,
    MAX_VALUE,
    NAME,
    TAG,
    TaxClass,
)
from apps.products.queries import BEGIN, END
from kernel.rest.fields import MoneyField, StrictSerializer
from kernel.rest.selection import names_of


@extend_schema_serializer(component_name="Package")
class PackageField(StrictSerializer):
    width = serializers.IntegerField(min_value=1, max_value=MAX_MILLIMETRES)
    length = serializers.IntegerField(min_value=1, max_value=MAX_MILLIMETRES)
    height = serializers.IntegerField(min_value=1, max_value=MAX_MILLIMETRES)
    weight = serializers.IntegerField(min_value=1, max_value=MAX_GRAMS, help_text="Grams.")

    def to_internal_value(self, data: Any) -> Package:
        return Package(**super().to_internal_value(data))


@extend_schema_field(
    {
        "type": "object",
        "maxProperties": MAX_ATTRIBUTES,
        "propertyNames": {"pattern": NAME},
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": MAX_VALUE},
    }
)
class AttributesField(serializers.DictField):
    """Texts by name."""

    child = serializers.CharField(max_length=MAX_VALUE)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        value: dict[str, str] = super().to_internal_value(data)
        if len(value) > MAX_ATTRIBUTES:
            message = f"There are no more than {MAX_ATTRIBUTES} attributes."
            raise serializers.ValidationError(message, code="too_many")
        if wrong := [name for name in value if not re.fullmatch(NAME, name)]:
            message = "A name has up to 30 small letters, digits and underscores."
            detail = serializers.ErrorDetail(message, code="invalid_name")
            raise serializers.ValidationError({name: [detail] for name in wrong})
        return value


@extend_schema_serializer(component_name="NewProduct")
class ProductInput(StrictSerializer):
    code = serializers.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$", max_length=40, help_text="Kept in upper case."
    )
    name = serializers.CharField(max_length=200)
    description = serializers.CharField(max_length=10_000, allow_blank=True, default="")
    model = serializers.CharField(max_length=100, allow_blank=True, default="")
    category = serializers.CharField(max_length=60, help_text="The category's slug.")
    tags = serializers.ListField(
        child=serializers.RegexField(TAG, max_length=MAX_TAG, help_text="Without `|`."),
        max_length=MAX_TAGS,
        default=list,
    )
    family = serializers.UUIDField(
        allow_null=True, default=None, help_text="Of products that differ by options alone."
    )
    attributes = AttributesField(default=dict)
    package = PackageField()
    price = MoneyField()
    tax_class = serializers.ChoiceField(
        TaxClass.choices, default=TaxClass.STANDARD.value, help_text="Which of a country's rates."
    )
    is_active = serializers.BooleanField(default=True, help_text="Seen and sold.")

    def validate_tags(self, value: list[str]) -> tuple[str, ...]:
        return tuple(value)


@extend_schema_serializer(component_name="ProductChange")
class ProductChange(ProductInput):
    """The same fields, each of which may be left out."""

    def get_fields(self) -> dict[str, serializers.Field]:
        fields: dict[str, serializers.Field] = super().get_fields()
        for field in fields.values():
            field.required, field.default = False, serializers.empty
        return fields


@extend_schema_serializer(component_name="Highlight")
class Highlight(serializers.Serializer):
    """HTML that is safe to show: all is escaped, and `<mark>` stands around what was found."""

    name = serializers.CharField()
    description = serializers.CharField(help_text="The parts that answer to the search.")


@extend_schema_serializer(component_name="PictureSize")
class SizeOutput(serializers.Serializer):
    width = serializers.IntegerField(help_text="Pixels.")
    height = serializers.IntegerField(help_text="Pixels.")
    url = serializers.URLField(help_text="WebP; what it shows never changes.")


@extend_schema_serializer(component_name="ShownPicture")
class ShownPicture(serializers.Serializer):
    id = serializers.UUIDField()
    alt_text = serializers.CharField(help_text="What it shows.")
    position = serializers.IntegerField()
    sizes = SizeOutput(many=True, help_text="Smallest first.")


@extend_schema_serializer(component_name="Product")
class ProductOutput(serializers.Serializer):
    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    model = serializers.CharField()
    category = serializers.CharField(help_text="The category's slug.")
    tags = serializers.ListField(child=serializers.CharField())
    family = serializers.UUIDField(allow_null=True)
    attributes = AttributesField()
    pictures = ShownPicture(many=True, help_text="In their order.")
    package = PackageField()
    price = MoneyField()
    tax_class = serializers.ChoiceField(TaxClass.choices)
    available = serializers.BooleanField(help_text="The warehouse has some that nobody reserved.")
    is_active = serializers.BooleanField()
    version = serializers.IntegerField()
    highlight = Highlight(required=False, help_text="In answers to a search.")


def render(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of `queries` as a `ProductOutput`."""
    shown = {
        "id": row["id"],
        "code": row["code"],
        "name": row["name"],
        "description": row["description"],
        "model": row["model"],
        "category": row["category_slug"],
        "tags": row["tags"],
        "family": row["family_id"],
        "attributes": row["attributes"],
        "pictures": [
            {**picture, "sizes": shown_sizes(picture["sizes"])} for picture in row["shown_pictures"]
        ],
        "package": {
            "width": row["width"],
            "length": row["length"],
            "height": row["height"],
            "weight": row["weight"],
        },
        "price": {"amount": row["price_amount"], "currency": row["price_currency"]},
        "tax_class": row["tax_class"],
        "available": row["available"],
        "is_active": row["is_active"],
        "version": row["version"],
    }
    if "marked_name" in row:
        shown["highlight"] = {
            "name": _marked(row["marked_name"]),
            "description": _marked(row["marked_description"]),
        }
    return shown


# What a field is read from, if it isn't the column of its name.
_COLUMNS = {
    "category": ("category_slug",),
    "family": ("family_id",),
    "pictures": ("shown_pictures",),
    "package": ("width", "length", "height", "weight"),
    "price": ("price_amount", "price_currency"),
    "highlight": ("marked_name", "marked_description"),
}
_ABSENT: Mapping[str, Any] = {
    **{
        column: None
        for name in names_of(ProductOutput) - {"highlight"}
        for column in _COLUMNS.get(name, (name,))
    },
    "shown_pictures": (),
}


def columns(names: Collection[str]) -> set[str]:
    """Return what has to be read to show these fields."""
    return {column for name in names for column in _COLUMNS.get(name, (name,))}


def part(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of some `columns`: what they don't suffice for is yet to be left out."""
    return render({**_ABSENT, **row})


def _marked(text: str) -> str:
    """Write a text as HTML with marks, between which it is escaped."""
    return escape(text).replace(BEGIN, "<mark>").replace(END, "</mark>")


def shown_sizes(sizes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the sizes of a picture, each with its address."""
    return [
        {
            "width": size["width"],
            "height": size["height"],
            "url": picture_url(size["key"]),
        }
        for size in sizes
    ]
