"""The OpenAPI schema says of each operation what holds of it."""

from __future__ import annotations

from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated

from kernel.rest.roles import UnknownPermission, role, roles_let_in


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return SchemaGenerator().get_schema(public=True)  # type: ignore[no-any-return, no-untyped-call]


class TestRoles:
    @pytest.mark.parametrize(
        ("permissions", "roles"),
        [
            ([AllowAny()], None),
            ([IsAuthenticated()], []),
            ([role("support", "delivery")()], ["delivery", "support"]),
            ([IsAuthenticated(), role("support")()], ["support"]),
        ],
    )
    def test_are_those_that_the_permissions_let_in(
        self, permissions: list[object], roles: list[str] | None
    ) -> None:
        assert roles_let_in(permissions) == roles

    def test_of_a_permission_that_says_nothing_are_no_guess(self) -> None:
        with pytest.raises(UnknownPermission, match="BasePermission"):
            roles_let_in([BasePermission()])

    def test_stand_in_the_schema(self, schema: dict[str, Any]) -> None:
        paths = schema["paths"]

        assert paths["/api/v1/payments"]["get"]["x-roles"] == ["support"]
        assert paths["/api/v1/orders"]["get"]["x-roles"] == []
        assert "x-roles" not in paths["/api/v1/products"]["get"]
        assert paths["/api/v1/products"]["post"]["x-roles"] == ["admin"]
