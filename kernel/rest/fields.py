"""Parts of request and response bodies that many apps share: an address, an amount of money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pydantic
from django.http import QueryDict
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from kernel.address import Address
from kernel.money import MAX_AMOUNT, Money

_TEXTS = (
    serializers.CharField,
    serializers.ChoiceField,
    serializers.DateField,
    serializers.DateTimeField,
    serializers.UUIDField,
)


class StrictSerializer(serializers.Serializer):
    """Fields that aren't known here are refused."""  # callers read this in the schema

    def to_internal_value(self, data: Any) -> Any:
        """
        Return the validated value.

        :raises ValidationError: naming each field that is wrong or unknown.
        """
        if isinstance(data, Mapping) and (wrong := dict(self._wrong(data))):
            raise serializers.ValidationError(wrong)
        return super().to_internal_value(data)

    def _wrong(
        self, data: Mapping[str, Any]
    ) -> Iterator[tuple[str, list[serializers.ErrorDetail]]]:
        for name in sorted(set(data) - set(self.fields)):
            unknown = serializers.ErrorDetail("This field is not known here.", code="unknown_field")
            yield name, [unknown]
        for name, field in self.fields.items():
            if name in data and not is_of_its_type(field, data[name]):
                yield name, [serializers.ErrorDetail("It is of another type.", code="wrong_type")]
        yield from _too_long(self.fields, data)


class QueryForm(serializers.Serializer):
    """What may be asked in a query; a name without a value is as wrong as a value that is."""

    def to_internal_value(self, data: Any) -> Any:
        """
        Return the validated value.

        :raises ValidationError: naming each field that is wrong.
        """
        if isinstance(data, QueryDict):  # which REST framework takes for a form of HTML
            data = {name: _asked(data, name, self.fields.get(name)) for name in data}
        if too_long := dict(_too_long(self.fields, data)):
            raise serializers.ValidationError(too_long)
        return super().to_internal_value(data)


def is_of_its_type(field: serializers.Field, value: Any) -> bool:
    """Say whether a value of JSON is of the type that the schema says; REST framework is lax."""
    if value is None:  # which is for the field to judge
        return True
    if isinstance(field, serializers.ListField):
        return isinstance(value, list) and all(is_of_its_type(field.child, each) for each in value)
    if isinstance(field, serializers.BooleanField):
        return isinstance(value, bool)
    if isinstance(field, serializers.IntegerField):
        is_whole = isinstance(value, float) and value.is_integer()
        return is_whole or (isinstance(value, int) and not isinstance(value, bool))
    return not isinstance(field, _TEXTS) or isinstance(value, str)


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


def _too_long(
    fields: Mapping[str, serializers.Field], data: Mapping[str, Any]
) -> Iterator[tuple[str, list[serializers.ErrorDetail]]]:
    """Judge lengths as the schema does: REST framework trims before it measures."""
    for name, field in fields.items():
        most, value = getattr(field, "max_length", None), data.get(name)
        if most is not None and isinstance(value, str) and len(value) > most:
            message = field.error_messages["max_length"].format(max_length=most)
            yield name, [serializers.ErrorDetail(message, code="max_length")]


def _asked(query: QueryDict, name: str, field: serializers.Field | None) -> Any:
    return query.getlist(name) if isinstance(field, serializers.ListField) else query[name]


def _by_field(error: pydantic.ValidationError) -> dict[str, list[serializers.ErrorDetail]]:
    found: dict[str, list[serializers.ErrorDetail]] = {}
    for problem in error.errors():
        message = problem["msg"].removeprefix("Value error, ")
        detail = serializers.ErrorDetail(message, code="invalid")
        found.setdefault(str(problem["loc"][0]), []).append(detail)
    return found
