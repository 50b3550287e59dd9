"""Accounts: opened, renamed, given roles, closed."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection

from apps.users import events
from apps.users.models import Letter, RefreshToken, User
from apps.users.usecases.letters import ask_for_letter
from kernel.bus.outbox import publish
from kernel.refusals import PreconditionFailed, Refusal
from kernel.transactions import transaction_required


class UserNotFound(Refusal):
    """There is no such account."""

    status = 404


@transaction_required
def register(*, user_id: uuid.UUID, email: str, password: str, name: str, at: dt.datetime) -> bool:
    """
    Open an account with this id, unless the e-mail address has one; return whether it did.

    The address is sent a mail either way: a link to confirm it, or word that it has an account.
    What it costs is the same too: the answer's time must not tell who has an account.
    """
    user = User(id=user_id, email=email.strip().lower(), name=name.strip(), created_at=at)
    user.set_password(password)
    User.objects.bulk_create([user], ignore_conflicts=True)
    is_new = User.objects.filter(id=user_id).exists()
    if is_new:
        publish(
            events.UserRegistered(
                occurred_at=at,
                user_id=user.id,
                version=user.version,
                email=user.email,
                name_of_user=user.name,
            )
        )
    kind = Letter.Kind.VERIFY_EMAIL if is_new else Letter.Kind.ACCOUNT_EXISTS
    ask_for_letter(kind=kind, email=user.email, at=at)
    return is_new


@transaction_required
def change_name(*, user_id: uuid.UUID, version: int, name: str, at: dt.datetime) -> User:
    """
    Give the account's owner another name.

    :raises UserNotFound: if there is no such account, or it is closed.
    :raises PreconditionFailed: if the account has another version by now.
    """
    user = _locked(user_id)
    if not user.is_active:
        raise UserNotFound
    if user.version != version:
        raise PreconditionFailed
    return _change(user, name=name, roles=user.roles, is_active=user.is_active, at=at)


@transaction_required
def set_roles(*, user_id: uuid.UUID, roles: Collection[str], at: dt.datetime) -> User:
    """
    Replace the roles of an account; access tokens that are out keep the old ones for minutes.

    :raises UserNotFound: if there is no such account.
    """
    user = _locked(user_id)
    return _change(user, name=user.name, roles=roles, is_active=user.is_active, at=at)


@transaction_required
def deactivate(*, user_id: uuid.UUID, at: dt.datetime) -> User:
    """
    Close an account: no login, no refresh.

    :raises UserNotFound: if there is no such account.
    """
    user = _locked(user_id)
    return _change(user, name=user.name, roles=user.roles, is_active=False, at=at)


@transaction_required
def change_account(
    *,
    user_id: uuid.UUID,
    version: int,
    name: str,
    roles: Collection[str],
    is_active: bool,
    at: dt.datetime,
) -> User:
    """
    Take all that an administrator may change at once.

    :raises UserNotFound: if there is no such account.
    :raises PreconditionFailed: if the account has another version by now.
    """
    return _change(_locked(user_id, version), name=name, roles=roles, is_active=is_active, at=at)


@transaction_required
def tell_change(*, user: User, changed: tuple[str, ...], at: dt.datetime) -> None:
    """Publish what an account now is, and which fields differ from before."""
    publish(
        events.UserUpdated(
            occurred_at=at,
            user_id=user.id,
            version=user.version,
            email=user.email,
            name_of_user=user.name,
            roles=user.roles,
            is_active=user.is_active,
            is_email_verified=user.email_verified_at is not None,
            changed=changed,
        )
    )


def _locked(user_id: uuid.UUID, version: int | None = None) -> User:
    user = User.objects.select_for_update().filter(id=user_id).first()
    if user is None:
        raise UserNotFound
    if version not in {None, user.version}:
        raise PreconditionFailed
    return user


def _change(
    user: User, *, name: str, roles: Collection[str], is_active: bool, at: dt.datetime
) -> User:
    new = {"name": name.strip(), "roles": tuple(sorted(set(roles))), "is_active": is_active}
    changed = tuple(field for field, value in new.items() if getattr(user, field) != value)
    if not changed:
        return user
    user.name, user.is_active = name.strip(), is_active
    user.version += 1
    if "roles" in changed:
        user.take_roles(roles)
    user.save(update_fields=["name", "is_active", "is_staff", "is_superuser", "version"])
    if not is_active:
        RefreshToken.objects.filter(user=user, revoked_at=None).update(revoked_at=at)
    tell_change(user=user, changed=changed, at=at)
    return user
