"""Whose cart it is: a customer's, or that of a guest whom a signed token names."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, cast

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.orders.models import Holder
from kernel.bus import context
from kernel.ids import new_id
from kernel.refusals import Refusal
from kernel.rest.authentication import BearerAuthentication, Principal
from kernel.rest.codes import Code
from kernel.signing import ExpiredSignature, InvalidSignature, sign, unsign

HEADER = "Cart-Token"
_PURPOSE = "cart"
# It outlives the carts that it names: whoever comes back begins an empty one.
LIFETIME = dt.timedelta(days=365)


CART_TOKEN_EXPIRED = Code(
    401, "cart_token_expired", "The cart's token has expired: begin a new cart.", "apps.orders"
)
CART_TOKEN_NOT_VALID = Code(401, "cart_token_not_valid", "This is no cart's token.", "apps.orders")


class CartTokenMissing(Refusal):
    """Send the guest's cart along, by its token in the header Cart-Token."""

    status = 400


class CartGuest(Principal):
    """Someone without an account; `id` is what the token names."""


class CartTokenAuthentication(BaseAuthentication):
    """`Cart-Token: …`, behind BearerAuthentication: a login wins."""

    codes = (CART_TOKEN_EXPIRED, CART_TOKEN_NOT_VALID)

    def authenticate(self, request: Request) -> tuple[CartGuest, None] | None:
        """
        Return the guest whom the token names; None without a token.

        :raises AuthenticationFailed: if it was not made here, or is too old.
        """
        if (guest := guest_of(request)) is None:
            return None
        context.name_actor(f"guest:{guest.id}")
        return CartGuest(id=guest.id, roles=frozenset()), None


class CartTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Guests' tokens in the schema."""

    target_class = CartTokenAuthentication
    name = "cart_token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """Return the scheme as OpenAPI knows it."""
        return {"type": "apiKey", "in": "header", "name": HEADER}


CART_CALLERS = (BearerAuthentication, CartTokenAuthentication)


def holder_of(request: Request) -> Holder:
    """Return whose cart the caller asks for."""
    caller = cast("Principal", request.user)
    return Holder(caller.id, is_guest=isinstance(caller, CartGuest))


def guest_of(request: Request) -> Holder | None:
    """
    Return the guest whom the header names; None without one.

    :raises AuthenticationFailed: if the token is not good.
    """
    if (token := request.headers.get(HEADER)) is None:
        return None
    try:
        value: dict[str, Any] = unsign(token, purpose=_PURPOSE)
    except ExpiredSignature as error:
        expired = CART_TOKEN_EXPIRED
        raise AuthenticationFailed(expired.meaning, expired.name) from error
    except InvalidSignature as error:
        not_valid = CART_TOKEN_NOT_VALID
        raise AuthenticationFailed(not_valid.meaning, not_valid.name) from error
    return Holder(uuid.UUID(value["guest"]), is_guest=True)


def new_guest() -> Holder:
    """Return a guest whom nobody knows yet."""
    return Holder(new_id(), is_guest=True)


def token_of(guest: Holder) -> str:
    """Return a token that names the guest from now on."""
    value = {"guest": str(guest.id)}
    return sign(value, purpose=_PURPOSE, expires_at=timezone.now() + LIFETIME)
