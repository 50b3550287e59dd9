"""All that users can be asked to do: about accounts, and about logins."""

from __future__ import annotations

from apps.users.usecases.accounts import (
    UserNotFound,
    change_account,
    change_name,
    deactivate,
    register,
    set_roles,
)
from apps.users.usecases.logins import (
    InvalidCredentials,
    InvalidRefreshToken,
    Tokens,
    TooManyAttempts,
    forget_old,
    log_in,
    log_out,
    refresh,
)

__all__ = (
    "InvalidCredentials",
    "InvalidRefreshToken",
    "Tokens",
    "TooManyAttempts",
    "UserNotFound",
    "change_account",
    "change_name",
    "deactivate",
    "forget_old",
    "log_in",
    "log_out",
    "refresh",
    "register",
    "set_roles",
)
