"""Which pages may listen in a browser: Cross-Origin Resource Sharing for the stream process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from django.conf import settings

from kernel import limits

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

# What a browser says of a page that another origin, the API, has redirected here. Others can say
# it too: what lets in is the ticket, and a page gets one only where the API lets its origin ask.
_REDIRECTED = "null"


def telling_origin(asked: Mapping[bytes, bytes], send: Send) -> Send:
    """Return a `send` that also tells the browser whether the page may read the answer."""
    allowed = _allowed(asked)

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *allowed]
        await send(message)

    return with_headers


def is_preflight(method: str, asked: Mapping[bytes, bytes]) -> bool:
    """Say whether a browser asks what a page may send."""
    return method == "OPTIONS" and b"access-control-request-method" in asked


async def answer_preflight(asked: Mapping[bytes, bytes], send: Send) -> None:
    """Tell the browser what the page may send; nothing if it may not listen at all."""
    headers = _allowed(asked)
    if len(headers) > 1:
        headers += [
            (b"access-control-allow-methods", b"GET"),
            (b"access-control-allow-headers", ", ".join(settings.CORS_ALLOW_HEADERS).encode()),
            (b"access-control-max-age", str(limits.PREFLIGHT_SECONDS).encode()),
        ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _allowed(asked: Mapping[bytes, bytes]) -> Headers:
    vary, origin = (b"vary", b"Origin"), asked.get(b"origin", b"").decode("latin-1")
    allowed = settings.CORS_ALLOWED_ORIGINS
    if not allowed or origin not in {*allowed, _REDIRECTED}:
        return [vary]
    exposed = ", ".join(settings.CORS_EXPOSE_HEADERS).encode()
    return [
        vary,
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", exposed),
    ]
