"""What is asked of a cart, and how it is answered."""

from __future__ import annotations

import re
from typing import Any

import pydantic
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.orders import usecases
from apps.orders.api.cart_tokens import holder_of
from apps.orders.api.guests import EmailField
from apps.orders.api.locales import LocaleField
from apps.orders.api.orders import DiscountOutput, TaxLineOutput
from apps.orders.models import MAX_QUANTITY
from apps.orders.usecases.cart_views import CartView
from kernel.address import Country
from kernel.rest.etags import answer, etag, if_match
from kernel.rest.fields import AddressField, MoneyField, QueryForm, StrictSerializer

KINDS = ("price_changed", "sold_out", "less_available", "gone", "available_again", "left_out")
_COUNTRY = pydantic.TypeAdapter(Country)
_VARIANT = re.compile(r'"v[0-9]+-([a-z]+)"')


@extend_schema_serializer(component_name="CartLine")
class CartLineOutput(serializers.Serializer):
    product_id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = MoneyField(allow_null=True, help_text="Null if it is no longer for sale.")
    price = MoneyField(allow_null=True, help_text="Of the whole line, before any discount.")
    discount = MoneyField(allow_null=True)
    tax = MoneyField(allow_null=True)
    is_available = serializers.BooleanField(help_text="So many can be had.")
    free = serializers.IntegerField(allow_null=True, help_text="Null if that isn't known.")


@extend_schema_serializer(component_name="CartOffer")
class CartOfferOutput(serializers.Serializer):
    unit_price = MoneyField(allow_null=True, help_text="Null if it isn't for sale.")
    free = serializers.IntegerField(allow_null=True)


@extend_schema_serializer(component_name="CartChange")
class CartChangeOutput(serializers.Serializer):
    product_id = serializers.UUIDField()
    kind = serializers.ChoiceField(KINDS)
    old = CartOfferOutput()
    new = CartOfferOutput()


@extend_schema_serializer(component_name="Cart")
class CartOutput(serializers.Serializer):
    id = serializers.UUIDField()
    token = serializers.CharField(
        required=False, help_text="For guests, of POST /cart: to be sent as `Cart-Token`."
    )
    lines = CartLineOutput(many=True)
    changes = CartChangeOutput(many=True, help_text="Told until an answer's ETag comes back.")
    country = serializers.CharField(allow_null=True, help_text="For whose taxes; as asked.")
    coupon = serializers.CharField(allow_null=True)
    coupon_problem = serializers.CharField(
        allow_null=True, help_text="The code by which an order with it would be refused now."
    )
    subtotal = MoneyField(help_text="The goods, before any discount.")
    discounts = DiscountOutput(many=True)
    tax_lines = TaxLineOutput(many=True)
    prices_include_tax = serializers.BooleanField()
    total = MoneyField(help_text="Without delivery.")
    currency = serializers.CharField()
    version = serializers.IntegerField()


class CartQuery(QueryForm):
    country = serializers.CharField(
        required=False, max_length=2, help_text="Adds its taxes: ISO 3166-1 alpha-2, such as SE."
    )

    def validate_country(self, value: str) -> str:
        """Take a country's code, in any case."""
        try:
            return str(_COUNTRY.validate_python(value.upper()))
        except pydantic.ValidationError as error:
            message = "This is not a country code of ISO 3166-1 alpha-2, such as SE."
            raise serializers.ValidationError(message, code="invalid_country") from error


@extend_schema_serializer(component_name="CartLineQuantity")
class QuantityInput(StrictSerializer):
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_QUANTITY)


@extend_schema_serializer(component_name="CartCoupon")
class CouponInput(StrictSerializer):
    code = serializers.CharField(max_length=40)


@extend_schema_serializer(component_name="CartOrder")
class CartOrderInput(StrictSerializer):
    address = AddressField()
    delivery_quote = serializers.CharField(max_length=10_000)
    payment_token = serializers.CharField(max_length=200)
    expected_total = MoneyField(required=False, allow_null=True)
    email = EmailField()
    locale = LocaleField()


IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="Not demanded, but honoured."
)
WRITES: dict[str, Any] = {"parameters": [CartQuery, IF_MATCH]}
# Of whatever shows a cart, since what is in it may no longer be paid in one piece.
REFUSALS = (usecases.MixedCurrencies, usecases.TotalTooHigh)


def country_of(request: Request) -> str | None:
    """Return the country for whose taxes the caller asks."""
    query = CartQuery(data=request.query_params)
    query.is_valid(raise_exception=True)
    country: str | None = query.validated_data.get("country")
    return country


def asked(request: Request) -> dict[str, Any]:
    """Return whose cart is to be shown, for which country, and when."""
    return {
        "holder": holder_of(request),
        "country": country_of(request),
        "at": timezone.now(),
    }


def to_change(request: Request) -> dict[str, Any]:
    """Return the same, with the version that the caller wants to change."""
    return {**asked(request), "version": version_of(request)}


def version_of(request: Request) -> int | None:
    """Return the version in If-Match; None without it: two who add to one cart don't collide."""
    return if_match(request) if "If-Match" in request.headers else None


def known_to(request: Request) -> set[str]:
    """Return the fingerprints of the answers that the caller has."""
    return set(_VARIANT.findall(request.headers.get("If-None-Match", "")))


def show(request: Request, view: CartView, *, status: int = 200, token: str = "") -> Response:
    """Answer a cart; with `token`, how a guest names it."""
    version, variant = view.cart.version, view.fingerprint
    if request.method == "GET":
        answered = answer(request, view.shape, version=version, variant=variant)
    else:
        body = {**view.shape, "token": token} if token else view.shape
        answered = Response(body, status, headers={"ETag": etag(version, variant)})
    # A browser may keep it, but must ask: and by the ETag that it sends it says what it has.
    answered["Cache-Control"] = "private, no-cache"
    answered["Vary"] = "Authorization, Cart-Token"
    return answered
