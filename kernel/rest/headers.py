"""Headers of answers that a page of another origin needs to see (CORS)."""

from __future__ import annotations

from kernel.rest.idempotency import REPLAYED
from kernel.rest.request_id import HEADER as REQUEST_ID

EXPOSED = (
    "ETag",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    REPLAYED,
    REQUEST_ID,
)
