"""All that users can be asked to do: about accounts, logins, and mails with links."""

from __future__ import annotations

from apps.users.usecases.accounts import (
    UserNotFound,
    change_account,
    change_name,
    deactivate,
    register,
    set_roles,
)
from apps.users.usecases.addresses import (
    AddressNotFound,
    TooManyAddresses,
    add_address,
    change_address,
    remove_address,
)
from apps.users.usecases.credentials import (
    EmailAlreadyVerified,
    WeakPassword,
    ask_for_password_reset,
    ask_for_verification,
    reset_password,
    verify_email,
)
from apps.users.usecases.erasure import StaffNotErasable, erase_account
from apps.users.usecases.exports import (
    ExportNotFound,
    TooManyExports,
    forget_old_exports,
    note_part,
    request_export,
)
from apps.users.usecases.letters import (
    LinkNotValid,
    TooManyLetters,
    ask_for_letter,
    forget_letter,
    forget_old_letters,
    note_letter_sent,
    use_letter,
    write_letter,
)
from apps.users.usecases.logins import (
    InvalidCredentials,
    InvalidRefreshToken,
    Tokens,
    TooManyAttempts,
    count_login,
    forget_failures,
    forget_old,
    log_in,
    log_out,
    log_out_everywhere,
    refresh,
)

__all__ = (
    "AddressNotFound",
    "EmailAlreadyVerified",
    "ExportNotFound",
    "InvalidCredentials",
    "InvalidRefreshToken",
    "LinkNotValid",
    "StaffNotErasable",
    "Tokens",
    "TooManyAddresses",
    "TooManyAttempts",
    "TooManyExports",
    "TooManyLetters",
    "UserNotFound",
    "WeakPassword",
    "add_address",
    "ask_for_letter",
    "ask_for_password_reset",
    "ask_for_verification",
    "change_account",
    "change_address",
    "change_name",
    "count_login",
    "deactivate",
    "erase_account",
    "forget_failures",
    "forget_letter",
    "forget_old",
    "forget_old_exports",
    "forget_old_letters",
    "log_in",
    "log_out",
    "log_out_everywhere",
    "note_letter_sent",
    "note_part",
    "refresh",
    "register",
    "remove_address",
    "request_export",
    "reset_password",
    "set_roles",
    "use_letter",
    "verify_email",
    "write_letter",
)
