"""The tables of users, a file for each noun."""

from __future__ import annotations

from apps.users.models.accounts import ADMIN_RIGHTS, Role, User, UserManager
from apps.users.models.addresses import SavedAddress
from apps.users.models.exports import Export, ExportPart
from apps.users.models.letters import Letter, NotedAddress
from apps.users.models.logins import LoginAttempts, RefreshToken

__all__ = (
    "ADMIN_RIGHTS",
    "Export",
    "ExportPart",
    "Letter",
    "LoginAttempts",
    "NotedAddress",
    "RefreshToken",
    "Role",
    "SavedAddress",
    "User",
    "UserManager",
)
