"""What is read of users without changing it."""

from __future__ import annotations

import uuid

from apps.users.models import User


def own_account(user_id: uuid.UUID) -> User | None:
    """Return the account, unless it is closed or there is none."""
    return User.objects.filter(id=user_id, is_active=True).first()
