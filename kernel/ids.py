"""The one source of new ids, so that a simulation can replace it."""

from __future__ import annotations

import uuid

from uuid_utils.compat import uuid7


def new_id() -> uuid.UUID:
    """Make a UUIDv7 (RFC 9562): unique, and growing with time, so that indexes stay dense."""
    return uuid7()
