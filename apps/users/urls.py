from __future__ import annotations

from django.urls import path

from apps.users import api

app_name = "users"
urlpatterns = [
    path("users", api.Registration.as_view(), name="registration"),
    path("users/me", api.Me.as_view(), name="me"),
    path("auth/token", api.Login.as_view(), name="token"),
    path("auth/token/refresh", api.Refresh.as_view(), name="refresh"),
    path("auth/logout", api.Logout.as_view(), name="logout"),
]
