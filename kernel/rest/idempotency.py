"""`Idempotency-Key`: the same POST twice has one effect, and one answer."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from django.db import connection
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from kernel.refusals import Refusal
from kernel.rest.models import IdempotencyKey
from kernel.rest.rendering import JSONRenderer
from kernel.transactions import transaction, transaction_required

HEADER, REPLAYED = "Idempotency-Key", "Idempotent-Replayed"
Method = Callable[..., Response]


class InvalidIdempotencyKey(Refusal):
    """An Idempotency-Key has 1 to 255 characters."""

    status = 400


class IdempotencyKeyReused(Refusal):
    """This Idempotency-Key was used for a different request: take a new one."""

    status = 422


class RequestInProgress(Refusal):
    """A request with this Idempotency-Key is being worked on: wait and ask again."""


def idempotent(method: Method) -> Method:
    """
    Run a view's method in a transaction, once for each `Idempotency-Key` of a caller.

    The answer is stored in the same transaction; a refusal isn't, and is judged anew.
    Without the header the method simply runs in its transaction. Callers who haven't said who they
    are share nothing but what they know: their key counts only together with the body.

    :raises IdempotencyKeyReused, RequestInProgress, InvalidIdempotencyKey:
    """

    @functools.wraps(method)
    def inner(self: Any, request: Request, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER)
        with transaction():
            if key is None:
                return method(self, request, **kwargs)
            return _once(functools.partial(method, self, request, **kwargs), request, key)

    inner.is_idempotent = True  # type: ignore[attr-defined]  # the schema says so
    return inner


@transaction_required
def forget_answers(*, before: dt.datetime, limit: int) -> int:
    """Forget answers stored before a time, at most so many; return how many there were."""
    old = IdempotencyKey.objects.filter(created_at__lt=before).order_by("created_at")
    scopes = list(old.select_for_update(skip_locked=True).values_list("scope", flat=True)[:limit])
    IdempotencyKey.objects.filter(scope__in=scopes).delete()
    return len(scopes)


def _once(run: Callable[[], Response], request: Request, key: str) -> Response:
    if not 1 <= len(key) <= 255:
        raise InvalidIdempotencyKey
    fingerprint = _sha256(orjson.dumps(request.data, option=orjson.OPT_SORT_KEYS))
    # Two strangers may choose one key. Were it the name of an answer, one would be shown what the
    # other ordered, or learn from a 422 that somebody used it.
    caller = request.user.pk or f"anyone who asks for {fingerprint}"
    scope = _sha256(f"{caller}\n{request.method}\n{request.path}\n{key}".encode())
    _demand_lock(scope)
    if known := IdempotencyKey.objects.filter(scope=scope).first():
        return _replay(known, fingerprint)
    response = run()
    IdempotencyKey.objects.create(
        scope=scope,
        fingerprint=fingerprint,
        status=response.status_code,
        body=orjson.loads(JSONRenderer().render(response.data) or b"null"),
        headers={name: each for name, each in response.items() if name != "Content-Type"},
        created_at=timezone.now(),
    )
    return response


def _replay(known: IdempotencyKey, fingerprint: str) -> Response:
    if known.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    headers = {**(known.headers or {}), REPLAYED: "true"}
    return Response(known.body, status=known.status, headers=headers)


def _demand_lock(scope: str) -> None:
    """Hold the key until the transaction ends, so that a second request can't run beside it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [scope])
        if not cursor.fetchone()[0]:
            raise RequestInProgress


def _sha256(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()
