"""A product among those that differ from it by options alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from apps.products import queries
from apps.products.api.bodies import ProductOutput, render
from kernel.rest.fields import MoneyField

Row = Mapping[str, Any]


@extend_schema_serializer(component_name="Variant")
class Variant(serializers.Serializer):
    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    options = serializers.DictField(child=serializers.CharField())
    price = MoneyField()
    available = serializers.BooleanField()


@extend_schema_serializer(component_name="Variants")
class Variants(serializers.Serializer):
    """The family, and its products that are for sale, this one among them."""

    name = serializers.CharField()
    description = serializers.CharField()
    options = serializers.ListField(
        child=serializers.CharField(), help_text="The attributes that tell them apart."
    )
    products = Variant(many=True)


@extend_schema_serializer(component_name="OneProduct")
class OneProductOutput(ProductOutput):
    variants = Variants(required=False, help_text="Of a product that belongs to a family.")


def alone(row: Row) -> tuple[dict[str, Any], str]:
    """Return the same without what it shares with other products."""
    return render(row), "available" if row["available"] else "soldout"


def whole(row: Row) -> tuple[dict[str, Any], str]:
    """
    Return a row of `queries` as a `OneProductOutput`, and the variant for its entity tag.

    The variant tells what else is shown and changes without this product, such as the stock.
    """
    shown, stock = alone(row)
    if row["family_id"] is None:
        return shown, stock
    others = queries.variants(row["family_id"])
    if not others:  # none is for sale
        return shown, stock
    shown["variants"] = {
        "name": others[0]["family__name"],
        "description": others[0]["family__description"],
        "options": others[0]["family__options"],
        "products": [_variant(each) for each in others],
    }
    return shown, stock + _letters(others)


def _variant(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "code": row["code"],
        "name": row["name"],
        "options": row["options"],
        "price": {"amount": row["price_amount"], "currency": row["price_currency"]},
        "available": row["available"],
    }


def _letters(rows: Sequence[Row]) -> str:
    """Return eight letters that differ when anything differs that is shown of the variants."""
    seen = [(row["id"].hex, row["version"], row["available"]) for row in rows]
    digest = hashlib.sha256(repr((rows[0]["family__version"], seen)).encode()).digest()
    return "".join(chr(ord("a") + byte % 26) for byte in digest[:8])
