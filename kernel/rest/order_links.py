"""A guest's link to one order: who has it may do for that order what its customer might."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from kernel.bus import context
from kernel.rest.authentication import Principal
from kernel.rest.codes import Code
from kernel.signing import ExpiredSignature, InvalidSignature, unsign_order

HEADER = "Order-Token"
EXPIRED = Code(401, "order_token_expired", "The order's link has expired.")
NOT_VALID = Code(401, "order_token_not_valid", "This is no order's link.")


class Guest(Principal):
    """Someone without an account; `id` is the order's, which is all that they may ask for."""


class OrderTokenAuthentication(BaseAuthentication):
    """`Order-Token: …`, for views that stand behind BearerAuthentication: a login wins."""

    codes = (EXPIRED, NOT_VALID)

    def authenticate(self, request: Request) -> tuple[Guest, None] | None:
        """
        Return the guest whose order the token names; None without a token.

        :raises AuthenticationFailed: if it was not made here, or is too old.
        """
        if (token := request.headers.get(HEADER)) is None:
            return None
        try:
            order_id = unsign_order(token)
        except ExpiredSignature as error:
            raise AuthenticationFailed(EXPIRED.meaning, EXPIRED.name) from error
        except InvalidSignature as error:
            raise AuthenticationFailed(NOT_VALID.meaning, NOT_VALID.name) from error
        guest = Guest(id=order_id, roles=frozenset())
        context.name_actor(f"guest:{guest.id}")
        return guest, None
