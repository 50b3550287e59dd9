"""Who may ask: permissions by role."""

from __future__ import annotations

from collections.abc import Iterable

from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from kernel.rest.authentication import Principal


class HasRole(BasePermission):
    """Base of the classes that `role()` makes."""

    roles: tuple[str, ...] = ()

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Say whether the caller has one of the roles."""
        user: object = request.user
        return isinstance(user, Principal) and user.has_role(*self.roles)


def role(*names: str) -> type[HasRole]:
    """Return the permission that lets in these roles (and admins): `role("warehouse")`."""
    return type("HasRole", (HasRole,), {"roles": names})


class UnknownPermission(Exception):
    """The schema can't say whom a permission lets in: give it `roles`, or None for anyone."""


def roles_let_in(permissions: Iterable[object]) -> list[str] | None:
    """
    Return the roles one of which a caller must have: none for anyone logged in.

    None means that nobody need be logged in. An admin has every role.

    :raises UnknownPermission: for one that says nothing of roles.
    """
    needed = [_roles(permission) for permission in permissions]
    asked = [roles for roles in needed if roles is not None]
    return sorted({role for roles in asked for role in roles}) if asked else None


def _roles(permission: object) -> tuple[str, ...] | None:
    if isinstance(permission, AllowAny):
        return None
    if isinstance(permission, IsAuthenticated):
        return ()
    try:
        roles: tuple[str, ...] | None = permission.roles  # type: ignore[attr-defined]
    except AttributeError as error:
        raise UnknownPermission(type(permission).__qualname__) from error
    return roles
