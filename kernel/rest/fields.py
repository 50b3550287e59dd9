"""Parts of request and response bodies that many apps share: an address, an amount of money."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pydantic
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from kernel.address import Address
from kernel.money import MAX_AMOUNT, Money


class StrictSerializer(serializers.Serializer):
    """Fields that aren't known here are refused."""  # callers read this in the schema

    def to_internal_value(self, data: Any) -> Any:
        """
        Return the validated value.

        :raises ValidationError: naming each field that is wrong or unknown.
        """
        if isinstance(data, Mapping) and (unknown := sorted(set(data) - set(self.fields))):
            message = serializers.ErrorDetail("This field is not known here.", code="unknown_field")
            raise serializers.ValidationError({name: [message] for name in unknown})
        return super().to_internal_value(data)


@extend_schema_serializer(component_name="Address")
class AddressField(StrictSerializer):
    """Where something is sent."""

    # `address = AddressField()` validates to a `kernel.address.Address`.

    name = serializers.CharField(max_length=200)
    company_name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    street_address = serializers.CharField(max_length=200)
    post_code = serializers.CharField(max_length=20, required=False, allow_blank=True)
    city = serializers.CharField(max_length=200)
    state = serializers.CharField(max_length=100, required=False, allow_blank=True)
    country = serializers.RegexField(r"^[A-Z]{2}$", help_text="ISO 3166-1 alpha-2, such as SE.")
    phone_number = serializers.CharField(max_length=30, help_text="E.164, such as +46701234567.")

    def to_internal_value(self, data: Any) -> Address:
        """
        Return the address.

        :raises ValidationError: naming each field that is wrong.
        """
        try:
            return Address.model_validate(super().to_internal_value(data))
        except pydantic.ValidationError as error:
            raise serializers.ValidationError(_by_field(error)) from error

    def to_representation(self, instance: Address | Mapping[str, Any]) -> dict[str, Any]:
        """Return the address as JSON."""
        return instance.model_dump() if isinstance(instance, Address) else dict(instance)


@extend_schema_serializer(component_name="Money")
class MoneyField(StrictSerializer):
    """What something costs, in minor units of its currency."""

    # `price = MoneyField()` validates to a `kernel.money.Money`.

    amount = serializers.IntegerField(
        min_value=0, max_value=MAX_AMOUNT, help_text="In minor units: 1250 is EUR 12.50."
    )
    currency = serializers.RegexField(r"^[A-Z]{3}$", help_text="ISO 4217, such as EUR.")

    def to_internal_value(self, data: Any) -> Money:
        """
        Return the amount.

        :raises ValidationError: naming each field that is wrong.
        """
        try:
            return Money.model_validate(super().to_internal_value(data))
        except pydantic.ValidationError as error:  # half an amount, where half a body may come
            raise serializers.ValidationError(_by_field(error)) from error

    def to_representation(self, instance: Money | Mapping[str, Any]) -> dict[str, Any]:
        """Return the amount as JSON."""
        return instance.model_dump() if isinstance(instance, Money) else dict(instance)


def _by_field(error: pydantic.ValidationError) -> dict[str, list[serializers.ErrorDetail]]:
    found: dict[str, list[serializers.ErrorDetail]] = {}
    for problem in error.errors():
        message = problem["msg"].removeprefix("Value error, ")
        detail = serializers.ErrorDetail(message, code="invalid")
        found.setdefault(str(problem["loc"][0]), []).append(detail)
    return found
