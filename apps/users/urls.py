from __future__ import annotations

from django.urls import path

from apps.users.api import accounts, addresses, credentials, exports, logins

app_name = "users"
urlpatterns = [
    path("users", accounts.Registration.as_view(), name="registration"),
    path("users/me", accounts.Me.as_view(), name="me"),
    path("users/me/password", credentials.ChangePassword.as_view(), name="password"),
    path("users/me/exports", exports.Exports.as_view(), name="exports"),
    path("users/me/exports/<uuid:export_id>", exports.OneExport.as_view(), name="export"),
    path("users/me/addresses", addresses.Addresses.as_view(), name="addresses"),
    path("users/me/addresses/<uuid:address_id>", addresses.OneAddress.as_view(), name="address"),
    path("auth/token", logins.Login.as_view(), name="token"),
    path("auth/token/refresh", logins.Refresh.as_view(), name="refresh"),
    path("auth/logout", logins.Logout.as_view(), name="logout"),
    path("auth/logout-everywhere", logins.LogoutEverywhere.as_view(), name="logout-everywhere"),
    path("auth/verify-email", credentials.VerifyEmail.as_view(), name="verify-email"),
    path("auth/verify-email/resend", credentials.Resend.as_view(), name="resend"),
    path("auth/password-reset", credentials.PasswordReset.as_view(), name="password-reset"),
    path(
        "auth/password-reset/confirm",
        credentials.PasswordResetConfirm.as_view(),
        name="password-reset-confirm",
    ),
]
