"""Who may ask: permissions by role."""

from __future__ import annotations

from rest_framework.permissions import BasePermission
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
