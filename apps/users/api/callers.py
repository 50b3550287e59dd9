"""Who calls, and from where."""

from __future__ import annotations

import uuid
from typing import cast

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from kernel.rest.authentication import Principal


def caller_id(request: Request) -> uuid.UUID:
    return cast("Principal", request.user).id


def ip_address(request: Request) -> str:
    """Return the client's address as our own proxies tell it, not as the client claims."""
    return BaseThrottle().get_ident(request) or ""
