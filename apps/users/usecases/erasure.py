"""Erasure: a person asks to be forgotten."""

from __future__ import annotations

import datetime as dt
import uuid

from django.contrib.admin.models import LogEntry

from apps.users import events
from apps.users.models import Export, Letter, RefreshToken, SavedAddress, User
from apps.users.usecases.accounts import UserNotFound
from kernel.bus import personal
from kernel.bus.outbox import publish
from kernel.refusals import PreconditionFailed, Refusal
from kernel.transactions import transaction_required


class StaffNotErasable(Refusal):
    """An account with roles isn't erased by its owner: an administrator takes the roles first."""


@transaction_required
def erase_account(*, user_id: uuid.UUID, version: int, at: dt.datetime) -> None:
    """
    Forget the account's owner: here, in the log, and by UserErased in every other module.

    The person's key goes in this transaction: from its commit on no event of the past can be
    read, and none of the future will hold anything of the person.

    :raises UserNotFound: if there is no such account, or it is closed.
    :raises PreconditionFailed: if the account has another version by now.
    :raises StaffNotErasable: if it has roles.
    """
    user = User.objects.select_for_update().filter(id=user_id, is_active=True).first()
    if user is None:
        raise UserNotFound
    if user.version != version:
        raise PreconditionFailed
    if user.roles:
        raise StaffNotErasable
    Export.objects.filter(user=user).delete()
    Letter.objects.filter(email=user.email).delete()
    SavedAddress.objects.filter(user=user).delete()
    RefreshToken.objects.filter(user=user).delete()
    # The admin's own history names what staff have changed, and an account by its address.
    history = LogEntry.objects.filter(content_type__app_label="users", object_id=str(user.id))
    history.update(object_repr=str(user.id))
    user.forget(at=at)
    publish(events.UserErased(occurred_at=at, user_id=user.id, version=user.version))
    personal.erase(person_id=user.id, at=at)
