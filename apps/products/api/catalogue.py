"""Who may do what in the catalogue, and who hears of what was refused."""

from __future__ import annotations

from django.utils import timezone
from rest_framework.permissions import SAFE_METHODS, AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.products import usecases
from kernel.rest.authentication import ADMIN
from kernel.rest.roles import role
from kernel.transactions import transaction


def is_admin(request: Request, view: APIView) -> bool:
    """Say whether an administrator asks."""
    return role(ADMIN)().has_permission(request, view)


# Anyone reads, administrators write; what they are refused is told as an event.
class CatalogueView(APIView):
    def get_permissions(self) -> list[BasePermission]:
        return [AllowAny() if self.request.method in SAFE_METHODS else role(ADMIN)()]

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, usecases.ProductRefusal):
            with transaction():
                usecases.tell_rejection(refusal=exc, at=timezone.now())
        return super().handle_exception(exc)
