"""How often something was asked for within a window, counted by all processes together."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import threading
import uuid
from typing import Any

from django.conf import settings
from django.db import connection

# One statement, which commits by itself: no lock outlives it, and no rollback undoes it.
_COUNT = """
INSERT INTO rest_throttle_count AS known (key, scope, taken, ends_at)
VALUES (%(key)s, %(scope)s, %(wanted)s, %(ends_at)s)
ON CONFLICT (key) DO UPDATE SET
    taken = CASE WHEN known.ends_at > %(at)s THEN known.taken ELSE 0 END + excluded.taken,
    ends_at = CASE WHEN known.ends_at > %(at)s THEN known.ends_at ELSE excluded.ends_at END
RETURNING taken, ends_at
"""
_FORGET = """
DELETE FROM rest_throttle_count WHERE key IN (
    SELECT key FROM rest_throttle_count WHERE ends_at <= %s LIMIT %s FOR UPDATE SKIP LOCKED
)
"""
MAX_LEASES = 10_000  # a process holds no more of them in memory


@dataclasses.dataclass(frozen=True)
class Rate:
    """So many in so many seconds."""

    limit: int
    seconds: int


@dataclasses.dataclass(frozen=True)
class Standing:
    """Whether this one is granted, how many are left after it, and until when all that holds."""

    is_granted: bool
    left: int
    ends_at: dt.datetime


@dataclasses.dataclass
class _Lease:
    """What this process may grant without asking, and what others may still be given."""

    granted: int
    unleased: int
    ends_at: dt.datetime


class Counter:
    """
    Counts in a table that all processes share, and takes of it in leases.

    A window begins with the first request in it. What is leased counts as taken, so that never
    more than the limit is granted; what a process doesn't use of a lease is lost with the window.
    Who is refused stays so until the window ends, which costs no statement.
    """

    def __init__(self) -> None:
        self._leases: dict[uuid.UUID, _Lease] = {}
        self._lock = threading.Lock()

    def take(self, *, scope: str, who: str, rate: Rate, lease: int, at: dt.datetime) -> Standing:
        """Count one request of this caller in this scope; a lease is for so many requests."""
        key = _key(scope, who, rate)
        with self._lock:
            known = self._leases.get(key)
            if known and known.ends_at > at and (known.granted or not known.unleased):
                return _grant(known)
        fresh = _lease(key, scope=scope, rate=rate, wanted=lease, at=at)
        with self._lock:
            return _grant(self._merge(key, fresh, at=at))

    def forget(self) -> None:
        """Give up every lease."""
        with self._lock:
            self._leases.clear()

    def _merge(self, key: uuid.UUID, fresh: _Lease, *, at: dt.datetime) -> _Lease:
        known = self._leases.get(key)
        if known and known.ends_at == fresh.ends_at:  # another thread asked beside us
            fresh.granted += known.granted
            fresh.unleased = min(fresh.unleased, known.unleased)
        elif len(self._leases) >= MAX_LEASES:
            running = {key: each for key, each in self._leases.items() if each.ends_at > at}
            self._leases = running if len(running) < MAX_LEASES else {}
        self._leases[key] = fresh
        return fresh


def forget_counts(*, before: dt.datetime, limit: int) -> int:
    """Delete the counts of windows that have ended, at most so many; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [before, limit])
        return int(cursor.rowcount)


def _lease(key: uuid.UUID, *, scope: str, rate: Rate, wanted: int, at: dt.datetime) -> _Lease:
    values: dict[str, Any] = {
        "key": key,
        "scope": scope,
        "wanted": wanted,
        "at": at,
        "ends_at": at + dt.timedelta(seconds=rate.seconds),
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, values)
        taken, ends_at = cursor.fetchone()
    granted = min(wanted, max(0, rate.limit - (taken - wanted)))
    return _Lease(granted, max(0, rate.limit - taken), ends_at)


def _grant(lease: _Lease) -> Standing:
    is_granted = lease.granted > 0
    lease.granted -= is_granted
    return Standing(is_granted, lease.granted + lease.unleased, lease.ends_at)


def _key(scope: str, who: str, rate: Rate) -> uuid.UUID:
    """Name a caller so that no one reads an address from it; another limit counts anew."""
    text = f"{scope}\n{rate.limit}/{rate.seconds}\n{who}".encode()
    secret = settings.SECRET_KEY.encode()[:64]
    return uuid.UUID(bytes=hashlib.blake2b(text, digest_size=16, key=secret).digest())
