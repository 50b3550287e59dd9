"""OpenAPI links: what was made by a POST is read, changed and asked for by its id."""

from __future__ import annotations

import re
from typing import Any

_LAST = re.compile(r"^(.*)/{(\w+)}$")


def add_links(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Let each answer that made something lead to the operations on that alone."""
    schemas = result["components"]["schemas"]
    for path, item in result["paths"].items():
        found = _LAST.match(path)
        maker = found and result["paths"].get(found[1], {}).get("post")
        if not found or not maker or "201" not in maker["responses"]:
            continue
        made = maker["responses"]["201"]
        fields = _fields(made, schemas)
        key = found[2] if found[2] in fields else "id"
        if key in fields:
            given = {name: f"$request.path.{name}" for name in re.findall(r"{(\w+)}", found[1])}
            named = {**given, found[2]: f"$response.body#/{key}"}
            made["links"] = {
                operation["operationId"]: {
                    "operationId": operation["operationId"],
                    "parameters": named,
                }
                for method, operation in sorted(item.items())
            }
    return result


def _fields(answer: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an answer's body."""
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    found: dict[str, Any] = schemas.get(schema.get("$ref", "").rsplit("/", 1)[-1], schema)
    return found.get("properties", {})  # type: ignore[no-any-return]
