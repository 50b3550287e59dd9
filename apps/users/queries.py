"""What is read of users without changing it."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db.models import QuerySet

from apps.users.models import Export, SavedAddress, User


def own_account(user_id: uuid.UUID) -> User | None:
    """Return the account, unless it is closed or there is none."""
    return User.objects.filter(id=user_id, is_active=True).first()


def addresses_of(user_id: uuid.UUID) -> QuerySet[SavedAddress]:
    """Return what an account keeps in its address book."""
    return SavedAddress.objects.filter(user_id=user_id)


def export_of(user_id: uuid.UUID, *, export_id: uuid.UUID, at: dt.datetime) -> Export | None:
    """Return an export of the account, if it is one and is still kept."""
    return Export.objects.filter(id=export_id, user_id=user_id, expires_at__gt=at).first()
