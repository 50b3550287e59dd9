"""The operations of the schema, and the table that says what holds of each."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.test import TestCase

from tests.api.world import API, STAFF

TABLE = Path(__file__).with_name("operations.txt")
_WORDS = {"public", "anyone", "logged-in", "account", "own", "link", "cart", *STAFF}


@dataclasses.dataclass(frozen=True)
class Rule:
    """A line of the table."""

    who: frozenset[str]
    queries: int

    @property
    def roles(self) -> set[str]:
        return self.who & {*STAFF}


def rules(text: str) -> dict[str, Rule]:
    """Read the table; each operation stands in it once, and each word is one."""
    found: dict[str, Rule] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        method, path, *who, queries = line.split()
        assert f"{method} {path}" not in found, f"{method} {path} stands there twice"
        assert who, line
        assert set(who) <= _WORDS, line
        found[f"{method} {path}"] = Rule(frozenset(who), int(queries))
    return found


def operations(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what the schema says of each operation, by method and path."""
    return {
        f"{method.upper()} {path.removeprefix(API)}": operation
        for path, item in schema["paths"].items()
        for method, operation in item.items()
        if method in {"get", "post", "put", "patch", "delete", "head", "options"}
    }


def lists(schema: dict[str, Any]) -> dict[str, bool]:
    """Return the operations that answer with rows, and whether these come page by page."""
    found = {}
    for name, operation in operations(schema).items():
        content = operation["responses"].get("200", {}).get("content", {})
        body = _resolved(schema, content.get("application/json", {}).get("schema", {}))
        properties = body.get("properties", {})
        if name.startswith("GET ") and (body.get("type") == "array" or "results" in properties):
            found[name] = "next" in properties
    return found


def _resolved(schema: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in body:
        return body
    found: dict[str, Any] = schema["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    return found


@contextlib.contextmanager
def undone() -> Iterator[None]:
    """Take back all that the block writes; within it transactions can be opened as ever."""
    atomics = TestCase._enter_atomics()
    try:
        yield
    finally:
        TestCase._rollback_atomics(atomics)
