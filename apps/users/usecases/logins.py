"""Logins: tokens given, renewed and taken back; too many failures lock one out."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import secrets
import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.utils.crypto import salted_hmac
from rest_framework_simplejwt.tokens import AccessToken

from apps.users.events import Entrance, LoginFailed, LoginLockedOut, UserLoggedIn
from apps.users.models import LoginAttempts, RefreshToken, User
from apps.users.usecases.letters import WINDOW
from kernel.bus.outbox import publish
from kernel.ids import new_id
from kernel.refusals import Refusal
from kernel.transactions import transaction_required

MAX_FAILURES = 10
LOCK_OUT = dt.timedelta(minutes=15)


class InvalidCredentials(Refusal):
    """The e-mail address or the password is wrong."""

    status = 401


class TooManyAttempts(Refusal):
    """Too many failed logins: wait, then try again."""

    status = 429
    members: ClassVar = {"retry_after": int}

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(retry_after=retry_after)
        self.retry_after = retry_after


class InvalidRefreshToken(Refusal):
    """The refresh token was used, taken back, or has expired: log in again."""

    status = 401


@dataclasses.dataclass(frozen=True)
class Tokens:
    """What a login gives: `expires_in` is the access token's life in seconds."""

    access: str
    refresh: str
    expires_in: int


@transaction_required
def log_in(
    *, email: str, password: str, ip_address: str, at: dt.datetime
) -> Tokens | InvalidCredentials | TooManyAttempts:
    """
    Return tokens, or why there are none.

    The refusal is returned and not raised, since the failure is counted in this transaction. It
    costs the same whether the e-mail address has an account or not.
    """
    email = email.strip().lower()
    if refusal := count_login(email=email, ip_address=ip_address, entrance="api", at=at):
        return refusal
    user = User.objects.filter(email=email, is_active=True).first()
    if user is None:
        make_password(password)  # takes the time that a check takes
    if user is None or not user.check_password(password):
        tell_failure(user_id=user.id if user else None, entrance="api", at=at)
        return InvalidCredentials()
    let_in(user=user, ip_address=ip_address, entrance="api", at=at)
    User.objects.filter(id=user.id).update(last_login=at)
    return begin_login(user=user, at=at)


@transaction_required
def begin_login(*, user: User, at: dt.datetime) -> Tokens:
    """Return the first tokens of a new login of this account."""
    return _tokens(user, family_id=new_id(), at=at)


@transaction_required
def count_login(
    *, email: str, ip_address: str, entrance: Entrance, at: dt.datetime
) -> TooManyAttempts | None:
    """Count an attempt to log in, and return the refusal if there were too many."""
    attempts, since = LoginAttempts.count(_key(email, ip_address), at=at, window=LOCK_OUT)
    if attempts <= MAX_FAILURES:
        return None
    until = since + LOCK_OUT
    if attempts == MAX_FAILURES + 1:  # told once, however long they go on
        user_id = _id_of(email)
        publish(
            LoginLockedOut(
                occurred_at=at,
                attempt_id=new_id(),
                user_id=user_id,
                entrance=entrance,
                until=until,
            )
        )
    return TooManyAttempts(retry_after=math.ceil((until - at).total_seconds()))


@transaction_required
def let_in(*, user: User, ip_address: str, entrance: Entrance, at: dt.datetime) -> None:
    """Tell of a login, and let what failed before no longer count."""
    forget_failures(email=user.email, ip_address=ip_address)
    publish(UserLoggedIn(occurred_at=at, user_id=user.id, entrance=entrance))


@transaction_required
def turn_away(*, email: str, entrance: Entrance, at: dt.datetime) -> None:
    """Tell of a login that failed, for whomever this e-mail address means."""
    tell_failure(user_id=_id_of(email), entrance=entrance, at=at)


@transaction_required
def tell_failure(*, user_id: uuid.UUID | None, entrance: Entrance, at: dt.datetime) -> None:
    """Tell of a login that failed; None for no account."""
    publish(LoginFailed(occurred_at=at, attempt_id=new_id(), user_id=user_id, entrance=entrance))


@transaction_required
def forget_failures(*, email: str, ip_address: str) -> None:
    """Let what failed before no longer count, since this is the account's owner."""
    LoginAttempts.objects.filter(key=_key(email, ip_address)).delete()


@transaction_required
def refresh(*, token: str, at: dt.datetime) -> Tokens | InvalidRefreshToken:
    """
    Return the next tokens of the family; the old refresh token is used up.

    One that comes again was stolen, from its owner or by its owner's thief: the whole family is
    taken back. The refusal is returned and not raised, so that this is not undone.
    """
    old = (
        RefreshToken.objects.select_for_update(of=("self",))
        .select_related("user")
        .filter(token_hash=RefreshToken.hash_of(token))
        .first()
    )
    if old is None:
        return InvalidRefreshToken()
    if not old.is_good(at=at):
        _revoke(old.family_id, at)
        return InvalidRefreshToken()
    old.used_at = at
    old.save(update_fields=["used_at"])
    return _tokens(old.user, family_id=old.family_id, at=at)


@transaction_required
def log_out(*, token: str, at: dt.datetime) -> None:
    """Take back the refresh token with its family; one that isn't known changes nothing."""
    found = RefreshToken.objects.filter(token_hash=RefreshToken.hash_of(token)).first()
    if found is not None:
        _revoke(found.family_id, at)


@transaction_required
def log_out_everywhere(*, user_id: uuid.UUID, at: dt.datetime) -> None:
    """Take back every refresh token of an account; access tokens live on for minutes."""
    RefreshToken.objects.filter(user_id=user_id, revoked_at=None).update(revoked_at=at)


@transaction_required
def forget_old(*, at: dt.datetime) -> None:
    """Delete refresh tokens that have expired and attempts that no longer count."""
    RefreshToken.objects.filter(expires_at__lt=at).delete()
    LoginAttempts.objects.filter(started_at__lt=at - max(LOCK_OUT, WINDOW)).delete()


def _id_of(email: str) -> uuid.UUID | None:
    found = User.objects.filter(email=email.strip().lower()).values_list("id", flat=True)
    return found.first()


def _key(email: str, ip_address: str) -> str:
    text = f"{email.strip().lower()}\n{ip_address}"
    return salted_hmac("users.login", text, algorithm="sha256").hexdigest()


def _revoke(family_id: uuid.UUID, at: dt.datetime) -> None:
    RefreshToken.objects.filter(family_id=family_id, revoked_at=None).update(revoked_at=at)


def _tokens(user: User, *, family_id: uuid.UUID, at: dt.datetime) -> Tokens:
    refresh_token = secrets.token_urlsafe(32)
    lifetime: dt.timedelta = settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]  # type: ignore[assignment]
    RefreshToken.objects.create(
        user=user,
        family_id=family_id,
        token_hash=RefreshToken.hash_of(refresh_token),
        session_hash=user.get_session_auth_hash(),
        created_at=at,
        expires_at=at + lifetime,
    )
    access = AccessToken()
    access.set_iat(at_time=at)
    access.set_exp(from_time=at)
    access["user_id"], access["roles"] = str(user.id), list(user.roles)
    return Tokens(str(access), refresh_token, settings.ACCESS_TOKEN_SECONDS)
