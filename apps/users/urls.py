from __future__ import annotations

from django.urls import path

from apps.users.api import accounts, logins

app_name = "users"
urlpatterns = [
    path("users", accounts.Registration.as_view(), name="registration"),
    path("users/me", accounts.Me.as_view(), name="me"),
    path("auth/token", logins.Login.as_view(), name="token"),
    path("auth/token/refresh", logins.Refresh.as_view(), name="refresh"),
    path("auth/logout", logins.Logout.as_view(), name="logout"),
]
