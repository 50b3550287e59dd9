"""Who orders without an account: known by an e-mail address, let in again by a link."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from apps.orders.models import Order
from kernel.signing import sign_order


@extend_schema_serializer(component_name="GuestLink")
class GuestLinkOutput(serializers.Serializer):
    """Whoever has it may see and change this order: keep it as you would a key."""

    token = serializers.CharField(help_text="To be sent as the header `Order-Token`.")
    url = serializers.URLField(help_text="Where the storefront shows the order.")
    expires_at = serializers.DateTimeField()


class EmailField(serializers.EmailField):
    """A guest's e-mail address, in lower case."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            max_length=254,
            required=False,
            help_text="Demanded of guests, refused of customers: theirs is known.",
            **options,
        )

    def to_internal_value(self, data: Any) -> str:
        """
        Return the address.

        :raises ValidationError: if it is none.
        """
        return str(super().to_internal_value(data)).lower()


def demand_email(email: str | None, *, is_guest: bool) -> None:
    """
    Do nothing if a guest gave an address, or a customer none.

    :raises ValidationError: otherwise.
    """
    if is_guest and email is None:
        _refuse("Who isn't logged in gives an e-mail address.", "required_of_guests")
    if email is not None and not is_guest:
        _refuse("You are logged in: your account's address is used.", "not_for_customers")


def link(order: Order) -> dict[str, Any]:
    """Return what lets the guest who placed the order in again."""
    expires_at = order.placed_at + settings.ORDER_LINK_LIFETIME
    token = sign_order(order.id, expires_at=expires_at)
    # Behind the # it goes to no server, and into no log on the way.
    url = f"{settings.STOREFRONT_URL}/order#token={token}"
    return {"token": token, "url": url, "expires_at": expires_at}


def _refuse(message: str, code: str) -> None:
    raise serializers.ValidationError({"email": [serializers.ErrorDetail(message, code=code)]})
