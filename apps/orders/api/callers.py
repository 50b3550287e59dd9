"""Whose orders a caller may see, and as whom the caller asks."""

from __future__ import annotations

import uuid
from typing import Literal, cast

from rest_framework.request import Request

from kernel.rest.authentication import BearerAuthentication, Principal
from kernel.rest.order_links import OrderTokenAuthentication

# Of one order: its customer, support, or whoever has a guest's link.
ORDER_CALLERS = (BearerAuthentication, OrderTokenAuthentication)


def person(request: Request) -> uuid.UUID | None:
    """Return whose orders alone the caller may see: a customer, a guest; None for support."""
    caller = cast("Principal", request.user)
    return None if caller.has_role("support") else caller.id


def requester(request: Request) -> Literal["customer", "staff"]:
    return "staff" if cast("Principal", request.user).has_role("support") else "customer"
