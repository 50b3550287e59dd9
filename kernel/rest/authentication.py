"""Who asks: a bearer token carries id and roles, so that no query is needed to know."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.tokens import Token

from kernel.bus import context
from kernel.rest import codes

ADMIN = "admin"


@dataclasses.dataclass(frozen=True)
class Principal:
    """The caller, as the token says."""

    id: uuid.UUID
    roles: frozenset[str]
    is_authenticated: bool = True
    is_active: bool = True

    @property
    def pk(self) -> uuid.UUID:
        """The id, by the name that REST framework knows."""
        return self.id

    def has_role(self, *roles: str) -> bool:
        """Say whether the caller has one of these roles; an admin has them all."""
        return bool(self.roles & {ADMIN, *roles})


class BearerAuthentication(JWTStatelessUserAuthentication):
    """`Authorization: Bearer …` with an access token."""

    codes = (codes.TOKEN_NOT_VALID, codes.BAD_AUTHORIZATION)

    def get_raw_token(self, header: bytes) -> bytes | None:
        """
        Return the token of the header, or None if that is of another kind.

        :raises AuthenticationFailed: if it holds no token, or more than one.
        """
        try:
            return super().get_raw_token(header)
        except AuthenticationFailed as error:  # the library's holds a dict where a code should be
            detail = "The header must be `Authorization: Bearer` and one token."
            raise AuthenticationFailed(detail, code="bad_authorization_header") from error

    def get_validated_token(self, raw_token: bytes) -> Token:
        """
        Return the token once its signature and its time are good.

        :raises AuthenticationFailed: if they aren't.
        """
        try:
            return super().get_validated_token(raw_token)
        except InvalidToken as error:
            detail = "The access token is not valid or has expired: refresh it."
            raise AuthenticationFailed(detail, code="token_not_valid") from error

    def get_user(self, validated_token: Token) -> Any:
        """Return the principal that the token names."""
        roles = frozenset(validated_token.get("roles", ()))
        principal = Principal(id=uuid.UUID(validated_token["user_id"]), roles=roles)
        context.name_actor(f"{'staff' if roles else 'customer'}:{principal.id}")
        return principal
