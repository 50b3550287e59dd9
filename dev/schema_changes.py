"""What a newer OpenAPI schema takes away from those who call by an older one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

Node = Mapping[str, Any]
METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
ANYTHING = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
LIMITS = {  # and which way is wider
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), -1),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), 1),
}
FORMATS = ("pattern", "format", "multipleOf", "uniqueItems")


def breaking_changes(old: Node, new: Node) -> list[str]:
    """
    Return what breaks a caller, a line each; nothing, if all who call by `old` can go on.

    Less is taken or given: an operation, a parameter, a field, a status, a header is gone, a
    limit is narrower. More is demanded: a token, a role, a field. Or an answer says what nobody
    expects: null, another type, a new value of an enumeration, for which no caller has a branch.
    New codes of errors break nothing: whoever calls must expect codes that they don't know.
    """
    return sorted(
        f"{method.upper()} {path} {what}"
        for path, item in old["paths"].items()
        for method in METHODS
        if method in item
        for what in _Operation(old, new).worse(item[method], new["paths"].get(path, {}).get(method))
    )


def resolved(schema: Node, node: Node) -> Node:
    """Follow a reference, and join what stands in `allOf`."""
    if "$ref" in node:
        found: Any = schema
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return resolved(schema, found)
    joined: Node = {name: value for name, value in node.items() if name != "allOf"}
    for part in node.get("allOf", ()):
        joined = _joined(resolved(schema, part), joined)
    return joined


def _joined(one: Node, other: Node) -> Node:
    fields = dict(one.get("properties", {}))
    for name, value in other.get("properties", {}).items():
        fields[name] = {"allOf": [fields[name], value]} if name in fields else value
    required = [*one.get("required", ()), *other.get("required", ())]
    return {**one, **other, "properties": fields, "required": required}


@dataclasses.dataclass(frozen=True)
class _Operation:
    """One operation of two schemas."""

    old: Node
    new: Node

    def worse(self, old: Node, new: Node | None) -> Iterator[str]:
        """Say what is worse about it."""
        if new is None:
            yield "is gone"
            return
        if _lets_anyone(old) and not _lets_anyone(new):
            yield "demands a token"
        yield from _fewer_roles(old.get("x-roles"), new.get("x-roles"))
        yield from self._parameters(old, new)
        yield from self._body(old.get("requestBody", {}), new.get("requestBody", {}))
        yield from self._answers(old["responses"], new["responses"])

    def _parameters(self, old: Node, new: Node) -> Iterator[str]:
        before, after = _parameters(self.old, old), _parameters(self.new, new)
        yield from (f"no longer takes {name}" for name in before.keys() - after.keys())
        for name, parameter in after.items():
            if parameter.get("required") and not before.get(name, {}).get("required"):
                yield f"demands {name}"
            if name in before:
                value = _Value(self.old, self.new, is_sent=True)
                yield from value.worse(before[name]["schema"], parameter["schema"], name)

    def _body(self, old: Node, new: Node) -> Iterator[str]:
        if old and not new:
            yield "no longer takes a body"
        elif new.get("required") and not old.get("required"):
            yield "demands a body"
        elif old:
            yield from self._content(_Value(self.old, self.new, is_sent=True), old, new, "the body")

    def _answers(self, old: Node, new: Node) -> Iterator[str]:
        for status in old.keys() - {"default"}:
            if status not in new:
                yield f"no longer answers {status}"
                continue
            before, after = resolved(self.old, old[status]), resolved(self.new, new[status])
            gone = before.get("headers", {}).keys() - after.get("headers", {}).keys()
            yield from (f"{status} no longer has the header {name}" for name in gone)
            value = _Value(self.old, self.new, is_sent=False, is_error=status >= "4")
            yield from self._content(value, before, after, status)

    def _content(self, value: _Value, old: Node, new: Node, where: str) -> Iterator[str]:
        after = new.get("content", {})
        for kind, content in old.get("content", {}).items():
            if kind not in after:
                yield f"{where} is no longer {kind}"
            else:
                yield from value.worse(
                    content.get("schema", {}), after[kind].get("schema", {}), where
                )


@dataclasses.dataclass(frozen=True)
class _Value:
    """A value that callers send, or receive."""

    old: Node
    new: Node
    is_sent: bool
    is_error: bool = False
    been: set[tuple[str, ...]] = dataclasses.field(default_factory=set)

    def worse(self, old: Node, new: Node, where: str) -> Iterator[str]:
        """Say what is worse at this place and below it; a named schema, where it is met first."""
        names = (*_names(old), "", *_names(new))
        if names in self.been and len(names) > 1:
            return
        self.been.add(names)
        before, after = _forms(self.old, old), _forms(self.new, new)
        if len(before) == len(after) == 1:
            yield from self.form(before[0], after[0], where)
        elif not self._each_fits(before, after):
            yield f"{where} has other forms"

    def _each_fits(self, old: list[Node], new: list[Node]) -> bool:
        given, taken = self._sides(old, new)
        return all(any(self._fits(one, other) for other in taken) for one in given)

    def _fits(self, given: Node, taken: Node) -> bool:
        apart = dataclasses.replace(self, been=set(self.been))
        return not any(apart.form(*self._sides(given, taken), ""))

    def form(self, old: Node, new: Node, where: str) -> Iterator[str]:
        """Say what is worse about a value that has one form."""
        given, taken = self._sides(_types(old), _types(new))
        if not given <= taken | ({"integer"} if "number" in taken else set()):
            yield f"{where} was {_said(old)} and is {_said(new)}"
            return
        yield from self._values(_values(old), _values(new), where)
        yield from self._fields(old, new, where)
        if self.is_sent:
            yield from _narrower(old, new, where)
        if "items" in old:
            yield from self.worse(old["items"], new.get("items", {}), f"{where}[]")
        were, are = old.get("additionalProperties"), new.get("additionalProperties")
        if isinstance(were, dict) and isinstance(are, dict):
            yield from self.worse(were, are, f"{where}.*")

    def _values(self, old: list[Any] | None, new: list[Any] | None, where: str) -> Iterator[str]:
        given, taken = self._sides(old, new)
        if taken is None or self.is_error:
            return
        if given is None:
            yield f"{where} is {'now' if self.is_sent else 'no longer'} one of a few values"
            return
        verb = "no longer takes" if self.is_sent else "may now be"
        yield from (f"{where} {verb} {value!r}" for value in given if value not in taken)

    def _fields(self, old: Node, new: Node, where: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        yield from (f"{where}.{name} is gone" for name in before.keys() - after.keys())
        less, more = self._sides(old.get("required", ()), new.get("required", ()))
        for name in {*more} - {*less} if self.is_sent else {*more} - {*less} & after.keys():
            yield f"{where}.{name} is {'demanded' if self.is_sent else 'optional'}"
        for name in before.keys() & after.keys():
            yield from self.worse(before[name], after[name], f"{where}.{name}")

    def _sides(self, old: Any, new: Any) -> tuple[Any, Any]:
        """Return what is given and what is known: callers know the old, the shop the new."""
        return (old, new) if self.is_sent else (new, old)


def _forms(schema: Node, node: Node) -> list[Node]:
    """Return the forms that a value may have; null is a type of the first one, not a form."""
    whole = resolved(schema, node)
    choices = whole.get("oneOf") or whole.get("anyOf")
    if not choices:
        return [whole]
    forms = [form for choice in choices for form in _forms(schema, choice)]
    rest = [form for form in forms if _types(form) != {"null"}]
    if rest and len(rest) < len(forms):
        rest[0] = {**rest[0], "type": sorted(_types(rest[0]) | {"null"})}
    return rest or forms


def _names(node: Node) -> list[str]:
    parts = (node, *(part for key in ("allOf", "oneOf", "anyOf") for part in node.get(key, ())))
    return [part["$ref"] for part in parts if "$ref" in part]


def _types(node: Node) -> frozenset[str]:
    if "type" not in node:
        return frozenset({"null"}) if _values(node) == [None] else ANYTHING
    given = node["type"]
    return frozenset([given] if isinstance(given, str) else given)


def _values(node: Node) -> list[Any] | None:
    return [node["const"]] if "const" in node else node.get("enum")


def _said(node: Node) -> str:
    return "anything" if _types(node) == ANYTHING else " or ".join(sorted(_types(node)))


def _narrower(old: Node, new: Node, where: str) -> Iterator[str]:
    for name in (*LIMITS, *FORMATS):
        before: Any = old.get(name)
        after: Any = new.get(name)
        is_known = name in LIMITS and None not in {before, after}
        is_wider = is_known and (after - before) * LIMITS[name] >= 0
        if after is not None and after != before and not is_wider:
            yield f"{where}: {name} was {before} and is {after}"


def _parameters(schema: Node, operation: Node) -> dict[str, Node]:
    found = [resolved(schema, each) for each in operation.get("parameters", ())]
    return {f"{each['name']} ({each['in']})": each for each in found}


def _lets_anyone(operation: Node) -> bool:
    return not operation.get("security") or {} in operation["security"]


def _fewer_roles(old: list[str] | None, new: list[str] | None) -> Iterator[str]:
    """Compare roles, of which an empty list lets in everyone with a token; None says nothing."""
    if old is None or not new:
        return
    if gone := [role for role in old if role not in new]:
        yield f"no longer lets in {', '.join(gone)}"
    elif not old:
        yield f"lets in only {', '.join(new)}"
