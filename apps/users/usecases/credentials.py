"""What proves who someone is: an address that is theirs, and a password, given anew by mail."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from apps.users.models import Letter, User
from apps.users.usecases.accounts import UserNotFound, tell_change
from apps.users.usecases.letters import ask_for_letter, use_letter
from apps.users.usecases.logins import (
    Tokens,
    TooManyAttempts,
    begin_login,
    count_login,
    forget_failures,
    log_out_everywhere,
    tell_failure,
)
from kernel.refusals import Refusal
from kernel.transactions import transaction_required

Kind = Letter.Kind


class EmailAlreadyVerified(Refusal):
    """The e-mail address of this account is confirmed already."""


class WeakPassword(Refusal):
    """The request is not valid."""

    status = 400

    def __init__(self, error: ValidationError, *, field: str) -> None:
        super().__init__(errors=[_named(each, field) for each in error.error_list])

    @classmethod
    def code(cls) -> str:
        """Return what any body is refused with that has a field which isn't good."""
        return "invalid"


class WrongPassword(Refusal):
    """The current password is another one."""

    status = 422


@transaction_required
def ask_for_verification(*, user_id: uuid.UUID, at: dt.datetime) -> None:
    """
    Send the link that confirms the address once more; the ones before it stay good.

    :raises UserNotFound: if there is no such account, or it is closed.
    :raises EmailAlreadyVerified: if there is nothing left to confirm.
    :raises TooManyLetters: if the address was sent enough of them within the hour.
    """
    user = User.objects.filter(id=user_id, is_active=True).first()
    if user is None:
        raise UserNotFound
    if user.email_verified_at:
        raise EmailAlreadyVerified
    if refusal := ask_for_letter(kind=Kind.VERIFY_EMAIL, email=user.email, at=at):
        raise refusal


@transaction_required
def verify_email(*, token: str, at: dt.datetime) -> None:
    """
    Take the link as proof that the account's owner reads its address.

    :raises LinkNotValid: if it is not good, or no longer.
    """
    user = use_letter(kind=Kind.VERIFY_EMAIL, token=token, at=at)
    if user.email_verified_at:
        return
    user.email_verified_at = at
    user.version += 1
    user.save(update_fields=["email_verified_at", "version"])
    tell_change(user=user, changed=("is_email_verified",), at=at)


@transaction_required
def ask_for_password_reset(*, email: str, at: dt.datetime) -> None:
    """
    Send a link that sets a new password, if there is such an account.

    Nothing here depends on whether there is: who sends the mail finds out. A sixth within the
    hour is not sent, which no one learns either.
    """
    ask_for_letter(kind=Kind.RESET_PASSWORD, email=email.strip().lower(), at=at)


@transaction_required
def reset_password(*, token: str, password: str, ip_address: str, at: dt.datetime) -> None:
    """
    Set a new password for who follows the link, end every login, and tell the owner by mail.

    It also proves the address. Where the owner had failed too often they may log in at once.

    :raises LinkNotValid: if it is not good, or no longer.
    :raises WeakPassword: if the password isn't good enough; the link stays good.
    """
    user = use_letter(kind=Kind.RESET_PASSWORD, token=token, at=at)
    changed = ("password",) if user.email_verified_at else ("is_email_verified", "password")
    _set_password(user, password, field="password")
    user.email_verified_at = user.email_verified_at or at
    user.save(update_fields=["password", "email_verified_at", "version"])
    forget_failures(email=user.email, ip_address=ip_address)
    _end_old_logins(user, changed, at)


@transaction_required
def change_password(
    *,
    user_id: uuid.UUID,
    current_password: str,
    new_password: str,
    ip_address: str,
    at: dt.datetime,
) -> Tokens | WrongPassword | TooManyAttempts:
    """
    Set a new password for who knows the current one, and tell the owner by mail.

    Every login ends; the tokens that are returned begin a new one. A wrong password counts like a
    failed login, which is why that refusal is returned and not raised.

    :raises UserNotFound: if there is no such account, or it is closed.
    :raises WeakPassword: if the new password isn't good enough.
    """
    owner = User.objects.filter(id=user_id, is_active=True)
    email = owner.values_list("email", flat=True).first()
    if email is None:
        raise UserNotFound
    refusal = count_login(email=email, ip_address=ip_address, entrance="password_change", at=at)
    if refusal:
        return refusal
    user = owner.select_for_update().first()  # after the count, as a login locks them
    if user is None:
        raise UserNotFound
    if not user.check_password(current_password):
        tell_failure(user_id=user.id, entrance="password_change", at=at)
        return WrongPassword()
    _set_password(user, new_password, field="new_password")
    user.save(update_fields=["password", "version"])
    forget_failures(email=email, ip_address=ip_address)
    _end_old_logins(user, ("password",), at)
    return begin_login(user=user, at=at)


def _set_password(user: User, password: str, *, field: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(error, field=field) from error
    user.set_password(password)
    user.version += 1


def _end_old_logins(user: User, changed: tuple[str, ...], at: dt.datetime) -> None:
    log_out_everywhere(user_id=user.id, at=at)
    ask_for_letter(kind=Kind.PASSWORD_CHANGED, email=user.email, at=at)
    tell_change(user=user, changed=changed, at=at)


def _named(error: ValidationError, field: str) -> dict[str, Any]:
    return {"field": field, "code": error.code or "invalid", "detail": error.messages[0]}
