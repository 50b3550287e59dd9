"""What users tells the others."""

from __future__ import annotations

import uuid
from typing import Annotated

from kernel.bus.event import Event, Personal


class UserRegistered(Event, name="users.user_registered.v1", subject="user_id", person="user_id"):
    """Someone opened an account."""

    user_id: uuid.UUID
    version: int
    email: Annotated[str | None, Personal()]
    name_of_user: Annotated[str | None, Personal()]
    roles: tuple[str, ...] = ()


class UserUpdated(Event, name="users.user_updated.v1", subject="user_id", person="user_id"):
    """An account changed; the whole new state, and which fields differ from the old."""

    user_id: uuid.UUID
    version: int
    email: Annotated[str | None, Personal()]
    name_of_user: Annotated[str | None, Personal()]
    roles: tuple[str, ...] = ()
    is_active: bool = True
    changed: tuple[str, ...] = ()


class UserErased(Event, name="users.user_erased.v1", subject="user_id"):
    """A person asked to be forgotten: anonymise what you hold of them."""

    user_id: uuid.UUID
    version: int
