"""Personal fields of events, encrypted under a key per person (AES-256-GCM)."""

from __future__ import annotations

import base64
import datetime as dt
import os
import uuid
from collections.abc import Iterable
from typing import Any

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import connection

from kernel.bus.models import PersonKey
from kernel.transactions import transaction_required

_SEALED = "$sealed"
Keys = dict[uuid.UUID, bytes]


def keys_of(people: Iterable[uuid.UUID]) -> Keys:
    """Return the keys that still exist, in one query; none for nobody."""
    wanted = set(people)
    if not wanted:
        return {}
    with connection.cursor() as cursor:  # for each message of each queue: kept lean
        cursor.execute(
            "SELECT person_id, key FROM bus_person_key"
            " WHERE person_id = ANY(%s) AND key IS NOT NULL",
            [sorted(wanted)],
        )
        return {person_id: bytes(key) for person_id, key in cursor.fetchall()}


def key_of(person_id: uuid.UUID) -> bytes | None:
    """Return the person's key, made at need; None if the person was erased."""
    with connection.cursor() as cursor:
        cursor.execute(_KEY, {"person": person_id, "key": AESGCM.generate_key(256)})
        if row := cursor.fetchone():
            return bytes(row[0]) if row[0] else None
    # Another made it and committed while the statement waited, which therefore didn't see it.
    return keys_of([person_id]).get(person_id)


_KEY = """
WITH made AS (
    INSERT INTO bus_person_key (person_id, key) VALUES (%(person)s, %(key)s)
    ON CONFLICT (person_id) DO NOTHING RETURNING key
)
SELECT key FROM made UNION ALL SELECT key FROM bus_person_key WHERE person_id = %(person)s
"""


@transaction_required
def erase(*, person_id: uuid.UUID, at: dt.datetime) -> None:
    """Destroy the person's key: no log, queue or dead letter tells of the person again."""
    PersonKey.objects.update_or_create(person_id=person_id, defaults={"key": None, "erased_at": at})


def seal(value: Any, key: bytes | None) -> Any:
    """Encrypt a JSON value; None stays None, and without a key everything is None."""
    if value is None or key is None:
        return None
    nonce = os.urandom(12)
    sealed = nonce + AESGCM(key).encrypt(nonce, orjson.dumps(value), None)
    return {_SEALED: base64.b64encode(sealed).decode()}


def unseal(value: Any, key: bytes | None) -> Any:
    """Return what `seal` was given, or None if the key is gone."""
    if key is None or not isinstance(value, dict) or _SEALED not in value:
        return None
    sealed = base64.b64decode(value[_SEALED])
    return orjson.loads(AESGCM(key).decrypt(sealed[:12], sealed[12:], None))


def is_sealed(value: Any) -> bool:
    """Say whether a field of a payload is what `seal` made."""
    return isinstance(value, dict) and _SEALED in value
