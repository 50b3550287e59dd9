"""What schemathesis is told of this shop: ids that exist, so that it gets past `not found`."""

from __future__ import annotations

import json
import os
import uuid
import zlib
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData

WORLD: dict[str, list[str]] = json.loads(Path(os.environ["CONTRACT_WORLD"]).read_text())
IN_BODIES = {"product_id": "product_id", "family": "family_id", "category": "slug"}


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any]) -> dict[str, Any]:
    """Put an id that exists in place of most of those that are made up."""
    if not path_parameters:
        return path_parameters
    return {name: _known(name, value) for name, value in path_parameters.items()}


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Put products, families and categories that exist into most bodies."""
    return _mapped(body)


@schemathesis.hook
def map_headers(context: Any, headers: dict[str, Any]) -> dict[str, Any]:
    """Ask for a change of a version that may well be the newest."""
    tag = headers.get("If-Match") if headers else None
    if isinstance(tag, str) and _dice(tag) % 4:
        return {**headers, "If-Match": f'"v{_dice(tag) % 4}"'}
    return headers


def _mapped(body: Any) -> Any:
    if isinstance(body, list):
        return [_mapped(item) for item in body]
    if not isinstance(body, dict):
        return body
    return {
        name: _known(IN_BODIES[name], value) if name in IN_BODIES else _mapped(value)
        for name, value in body.items()
    }


def _known(name: str, value: Any) -> Any:
    """Return one of the known values of this name, three times of four; what is wrong stays so."""
    known = WORLD.get(name)
    if not known or not isinstance(value, str) or not (_is_id(value) or not name.endswith("_id")):
        return value
    return known[_dice(value) % len(known)] if _dice(value) % 4 else value


def _is_id(value: str) -> bool:
    try:
        return str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


def _dice(value: str) -> int:
    """Return a number that is the same for the same value, in every process."""
    return zlib.crc32(value.encode("utf-8", "surrogatepass"))


# What a schema can't say of a value: `invalid` is a country that isn't one, a zero that may not be.
BEYOND_SCHEMAS = {
    "blank",  # whitespace alone
    "invalid",
    "invalid_country",
    "invalid_name",
    "invalid_number",
    "not_for_customers",  # who is logged in gives no e-mail address
    "required_of_guests",  # who isn't gives one
    "below_price_min",
    "min_value",  # of a decimal, which is a text in JSON
    "nothing_searched",  # and yet ordered by relevance
    "null_characters_not_allowed",
    "password_entirely_numeric",
    "password_too_common",
    "password_too_short",
    "password_too_similar",
    "surrogate_characters_not_allowed",
}
CODES_BEYOND_SCHEMAS = {"invalid_cursor", "invalid_last_event_id", "unknown_field"}


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Drop what is no defect; everything else fails the run."""
    if response.status_code == 414:  # said by gunicorn, before the shop sees the request
        return False
    if isinstance(failure, RejectedPositiveData) and response.status_code == 400:
        return not _is_beyond_schemas(response.json())
    return True


def _is_beyond_schemas(problem: dict[str, Any]) -> bool:
    """Say whether a refusal is of the kind that no schema can foresee."""
    if problem["code"] == "invalid":
        return {error["code"] for error in problem["errors"]} <= BEYOND_SCHEMAS
    return problem["code"] in CODES_BEYOND_SCHEMAS
