"""Every code that a problem may have: those of refusals, and those of the framework."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter

from kernel.refusals import Refusal

_RENAMED = {413: "Content Too Large", 422: "Unprocessable Content"}


@dataclasses.dataclass(frozen=True)
class Code:
    """A code, with all that can be known of it before it is answered."""

    status: int
    name: str
    meaning: str
    source: str = "kernel.rest"
    members: Mapping[str, Any] = dataclasses.field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, refusal: type[Refusal]) -> Code:
        """Return the code of a refusal; its members as JSON schemas."""
        return cls(
            status=refusal.status,
            name=refusal.code(),
            meaning=refusal.message(),
            source=refusal.__module__,
            members={name: _schema(kind) for name, kind in refusal.members.items()},
        )

    @property
    def phrase(self) -> str:
        """What HTTP calls the status."""
        return phrase(self.status)


BAD_REQUEST = Code(400, "bad_request", "The request can't be understood.")
INVALID = Code(400, "invalid", "The request is not valid: `errors` names each field that is wrong.")
PARSE_ERROR = Code(400, "parse_error", "The body can't be read as what it says it is.")
NOT_AUTHENTICATED = Code(401, "not_authenticated", "An access token is needed: log in.")
TOKEN_NOT_VALID = Code(
    401, "token_not_valid", "The access token is not valid or has expired: refresh it."
)
BAD_AUTHORIZATION = Code(
    401, "bad_authorization_header", "The header must be `Authorization: Bearer` and one token."
)
PERMISSION_DENIED = Code(403, "permission_denied", "The caller has none of the roles it takes.")
NOT_FOUND = Code(404, "not_found", "There is nothing at this path, or nothing that you may see.")
METHOD_NOT_ALLOWED = Code(405, "method_not_allowed", "`Allow` says what can be done here.")
NOT_ACCEPTABLE = Code(406, "not_acceptable", "`Accept` asks for what can't be answered here.")
UNSUPPORTED_MEDIA_TYPE = Code(
    415, "unsupported_media_type", "The body has a `Content-Type` that can't be read here."
)
THROTTLED = Code(
    429,
    "throttled",
    "So many requests came that the next must wait.",
    members={"retry_after": {"type": "integer"}},
)
INTERNAL_ERROR = Code(500, "internal_error", "Something went wrong here. Tell us the request id.")
# What is answered before any operation is found.
ANYWHERE = (BAD_REQUEST, METHOD_NOT_ALLOWED)


def phrase(status: int) -> str:
    """Return what HTTP calls a status (RFC 9110); Python before 3.13 has older names for two."""
    return _RENAMED.get(status) or HTTPStatus(status).phrase


def by_status(codes: Iterable[Code]) -> dict[int, list[Code]]:
    """Return the codes of each status, both in order."""
    found: dict[int, list[Code]] = {}
    for code in sorted(codes, key=lambda code: (code.status, code.name)):
        found.setdefault(code.status, []).append(code)
    return found


@functools.cache
def _schema(kind: Any) -> dict[str, Any]:
    """Return the JSON schema of a member's type."""
    schema = TypeAdapter(kind).json_schema()
    whole: dict[str, Any] = _inlined(schema, schema.pop("$defs", {}))
    return whole


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Return a schema that refers to nothing, without the titles that pydantic makes up."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if reference := schema.get("$ref"):
        return _inlined(definitions[reference.rsplit("/", 1)[-1]], definitions)
    return {name: _inlined(each, definitions) for name, each in schema.items() if name != "title"}
