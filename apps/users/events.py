"""What users tells the others."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated, Literal

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
    is_email_verified: bool = False
    changed: tuple[str, ...] = ()


Entrance = Literal["api", "admin", "password_change"]


class UserLoggedIn(
    Event,
    name="users.user_logged_in.v1",
    subject="user_id",
    person="user_id",
    unheard="for the audit: who came in, and when",
):
    """Someone logged in with the right password."""

    user_id: uuid.UUID
    entrance: Entrance


class LoginFailed(
    Event,
    name="users.login_failed.v1",
    subject="attempt_id",
    person="user_id",
    unheard="for the audit: who tried to come in",
):
    """A password was wrong, or there is no such open account: nothing tells who was meant then."""

    attempt_id: uuid.UUID
    user_id: uuid.UUID | None
    entrance: Entrance


class LoginLockedOut(
    Event,
    name="users.login_locked_out.v1",
    subject="attempt_id",
    person="user_id",
    unheard="for the audit: someone tries passwords",
):
    """Too many logins failed, for one account from one place: it is closed there for a while."""

    attempt_id: uuid.UUID
    user_id: uuid.UUID | None
    entrance: Entrance
    until: dt.datetime


class LetterRequested(Event, name="users.letter_requested.v1", subject="letter_id"):
    """A mail is to be sent. To whom is not said: there may be no account, and no one shall know."""

    letter_id: uuid.UUID
    kind: Literal["verify_email", "account_exists", "reset_password", "password_changed"]


class ExportRequested(Event, name="users.export_requested.v1", subject="export_id"):
    """Someone wants to see all that is held of them: say what you hold, in parts."""

    export_id: uuid.UUID
    user_id: uuid.UUID


class UserErased(Event, name="users.user_erased.v1", subject="user_id"):
    """A person asked to be forgotten: anonymise what you hold of them."""

    user_id: uuid.UUID
    version: int
