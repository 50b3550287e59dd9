"""What the list of orders may be narrowed by."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.orders.models import Order, is_number, write_number
from kernel.rest.fields import QueryForm

_COLUMNS = {
    "state": "state__in",
    "customer": "customer_id",
    "number": "number",
    "placed_after": "placed_at__gte",
    "placed_before": "placed_at__lt",
}


class StatesField(serializers.ListField):
    """Several states: repeated, or between commas."""

    child = serializers.ChoiceField(Order.State.choices)

    def to_internal_value(self, data: Any) -> list[str]:
        """
        Return the states.

        :raises ValidationError: if one is none.
        """
        names = {name for text in data for name in str(text).split(",")}
        if strangers := sorted(names - set(Order.State.values)):
            message = f"There is no state {strangers[0][:20]!r}."
            raise serializers.ValidationError(message, code="invalid_choice")
        return sorted(names)


class OrderFilters(QueryForm):
    state = StatesField(required=False, help_text="One of these: `state=PLACED,CONFIRMED`.")
    number = serializers.CharField(required=False, max_length=20)
    placed_after = serializers.DateTimeField(required=False, help_text="Then, or later.")
    placed_before = serializers.DateTimeField(required=False, help_text="Before then.")
    customer = serializers.UUIDField(required=False, help_text="For support.")

    def validate_number(self, value: str) -> str:
        """Take a number as people write it, with or without hyphens."""
        if not is_number(value):
            message = "This is no order's number: it has a slip, or is not whole."
            raise serializers.ValidationError(message, code="invalid_number")
        return write_number(value)

    @property
    def conditions(self) -> dict[str, Any]:
        """What the rows must meet."""
        return {_COLUMNS[name]: value for name, value in self.validated_data.items()}

    @property
    def order(self) -> tuple[str, ...]:
        """Newest first, by the column whose index the conditions can use."""
        is_by_time = not {"placed_after", "placed_before"}.isdisjoint(self.validated_data)
        return ("-placed_at", "-id") if is_by_time else ("-id",)
