"""How often a caller may ask: counted across processes, and told in the headers of each answer."""

from __future__ import annotations

import datetime as dt
import functools
import ipaddress
import math
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from kernel.rest.authentication import Principal
from kernel.rest.counting import Counter, Rate, Standing

READ, WRITE = "read", "write"
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
# A process takes so many reads at once, but never more than a small part of the limit.
_LEASE, _PART = 20, 50
# As draft-ietf-httpapi-ratelimit-headers names them, left here for the middleware.
_HEADERS = "shop.rate_limit"
counter = Counter()


class Throttle(BaseThrottle):
    """
    Lets a user, or an address without one, ask as often as the scope's rate says.

    Reads are of the scope `read`; what changes something is of the view's `throttle_scope`, or
    `write`. A scope without a rate isn't counted.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request, and say whether it may go on."""
        scope = READ if request.method in SAFE_METHODS else getattr(view, "throttle_scope", WRITE)
        if scope not in settings.THROTTLE_RATES:
            return True
        rate, at = _rate(settings.THROTTLE_RATES[scope]), timezone.now()
        who = f"address {_network(self.get_ident(request))}"
        caller: object = request.user
        if isinstance(caller, Principal):
            who = f"user {caller.id}"
            if caller.roles:
                rate = Rate(rate.limit * settings.THROTTLE_STAFF_FACTOR, rate.seconds)
        lease = max(1, min(_LEASE, rate.limit // _PART)) if scope == READ else 1
        standing = counter.take(scope=scope, who=who, rate=rate, lease=lease, at=at)
        self._seconds = max(1, math.ceil((standing.ends_at - at) / dt.timedelta(seconds=1)))
        request.META[_HEADERS] = _headers(scope, rate, standing, self._seconds)
        return standing.is_granted

    def wait(self) -> int:
        """Return after how many seconds it is worth asking again."""
        return self._seconds


class RateLimitMiddleware:
    """Says on each answer that was counted how much is left."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Add the headers that the throttle left."""
        response = self.get_response(request)
        for name, value in request.META.get(_HEADERS, {}).items():
            response[name] = value
        return response


def _headers(scope: str, rate: Rate, standing: Standing, seconds: int) -> dict[str, str]:
    return {
        "RateLimit-Policy": f'"{scope}";q={rate.limit};w={rate.seconds}',
        "RateLimit": f'"{scope}";r={standing.left};t={seconds}',
    }


@functools.cache
def _rate(text: str) -> Rate:
    limit, _, unit = text.partition("/")
    return Rate(int(limit), _SECONDS[unit])


def _network(address: str | None) -> str:
    """Return the address; of IPv6 the network, of which one customer has a whole one."""
    try:
        known = ipaddress.ip_address(address or "")
    except ValueError:  # a socket without one, or what a proxy of ours made of it
        return address or ""
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((known, 64), strict=False))
