"""What counts as a breaking change of the API, each kind once, and what is done about it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev import breaking
from dev.breaking import verdict
from dev.schema_changes import breaking_changes

SCHEMA: dict[str, Any] = yaml.safe_load("""
paths:
  /orders:
    get:
      parameters:
        - {in: query, name: limit, schema: {type: integer, minimum: 1, maximum: 100}}
        - {in: query, name: state, schema: {type: string, enum: [OPEN, DONE]}}
      responses:
        "200":
          headers: {ETag: {schema: {type: string}}}
          content: {application/json: {schema: {$ref: "#/components/schemas/Page"}}}
        "404": {$ref: "#/components/responses/NotFound"}
    post:
      security: [{bearer: []}]
      x-roles: [support, warehouse]
      requestBody:
        content: {application/json: {schema: {$ref: "#/components/schemas/NewOrder"}}}
      responses: {"201": {description: Made}}
components:
  responses:
    NotFound:
      content: {application/problem+json: {schema: {$ref: "#/components/schemas/NotFound"}}}
  schemas:
    Page:
      type: object
      required: [results, next]
      properties:
        results: {type: array, items: {$ref: "#/components/schemas/Order"}}
        next: {type: [string, "null"]}
    Order:
      type: object
      required: [id, state]
      properties:
        id: {type: string}
        state: {type: string, enum: [OPEN, DONE]}
        parent: {oneOf: [{$ref: "#/components/schemas/Order"}, {type: "null"}]}
        note: {oneOf: [{type: string}, {type: object, properties: {text: {type: string}}}]}
        labels: {type: object, additionalProperties: {type: string}}
    NewOrder:
      type: object
      required: [quantity]
      properties:
        quantity: {type: integer, minimum: 1, maximum: 9}
        price: {type: number}
        kind: {type: string, enum: [A, B]}
        name: {type: string, maxLength: 20}
        tags: {type: array, items: {type: string}, maxItems: 3}
        note: {oneOf: [{type: string, format: uri}, {type: integer}]}
    Problem: {type: object, properties: {code: {type: string}, title: {type: string}}}
    NotFound:
      allOf:
        - {$ref: "#/components/schemas/Problem"}
        - {properties: {code: {enum: [a, b]}}, required: [code]}
""")
Change = Callable[[dict[str, Any]], object]


def get(schema: dict[str, Any]) -> dict[str, Any]:
    return schema["paths"]["/orders"]["get"]  # type: ignore[no-any-return]


def post(schema: dict[str, Any]) -> dict[str, Any]:
    return schema["paths"]["/orders"]["post"]  # type: ignore[no-any-return]


def fields(schema: dict[str, Any], name: str) -> dict[str, Any]:
    return schema["components"]["schemas"][name]["properties"]  # type: ignore[no-any-return]


def component(schema: dict[str, Any], name: str) -> dict[str, Any]:
    return schema["components"]["schemas"][name]  # type: ignore[no-any-return]


def changed(change: Change) -> dict[str, Any]:
    schema = copy.deepcopy(SCHEMA)
    change(schema)
    return schema


ROW = "GET /orders 200.results[]"
BREAKING: list[tuple[Change, str]] = [
    (lambda s: s["paths"]["/orders"].pop("post"), "POST /orders is gone"),
    (lambda s: get(s).update(security=[{"bearer": []}]), "GET /orders demands a token"),
    (lambda s: post(s)["x-roles"].remove("support"), "POST /orders no longer lets in support"),
    (lambda s: get(s)["parameters"].pop(), "GET /orders no longer takes state (query)"),
    (
        lambda s: get(s)["parameters"][0].update(required=True),
        "GET /orders demands limit (query)",
    ),
    (
        lambda s: get(s)["parameters"].append(
            {"in": "header", "name": "If-Match", "required": True, "schema": {"type": "string"}}
        ),
        "GET /orders demands If-Match (header)",
    ),
    (
        lambda s: get(s)["parameters"][0]["schema"].update(maximum=50),
        "GET /orders limit (query): maximum was 100 and is 50",
    ),
    (
        lambda s: get(s)["parameters"][1]["schema"]["enum"].remove("OPEN"),
        "GET /orders state (query) no longer takes 'OPEN'",
    ),
    (lambda s: post(s).pop("requestBody"), "POST /orders no longer takes a body"),
    (lambda s: post(s)["requestBody"].update(required=True), "POST /orders demands a body"),
    (
        lambda s: post(s)["requestBody"].update(content={"text/csv": {}}),
        "POST /orders the body is no longer application/json",
    ),
    (
        lambda s: component(s, "NewOrder")["required"].append("name"),
        "POST /orders the body.name is demanded",
    ),
    (lambda s: fields(s, "NewOrder").pop("name"), "POST /orders the body.name is gone"),
    (
        lambda s: fields(s, "NewOrder")["price"].update(type="integer"),
        "POST /orders the body.price was number and is integer",
    ),
    (
        lambda s: fields(s, "NewOrder")["kind"]["enum"].remove("A"),
        "POST /orders the body.kind no longer takes 'A'",
    ),
    (
        lambda s: fields(s, "NewOrder")["name"].update(enum=["x"]),
        "POST /orders the body.name is now one of a few values",
    ),
    (
        lambda s: fields(s, "NewOrder")["name"].update(maxLength=10),
        "POST /orders the body.name: maxLength was 20 and is 10",
    ),
    (
        lambda s: fields(s, "NewOrder")["name"].update(minLength=1),
        "POST /orders the body.name: minLength was None and is 1",
    ),
    (
        lambda s: fields(s, "NewOrder")["name"].update(pattern="^a"),
        "POST /orders the body.name: pattern was None and is ^a",
    ),
    (
        lambda s: fields(s, "NewOrder")["tags"]["items"].update(maxLength=5),
        "POST /orders the body.tags[]: maxLength was None and is 5",
    ),
    (
        lambda s: fields(s, "NewOrder")["note"]["oneOf"].pop(),
        "POST /orders the body.note has other forms",
    ),
    (
        lambda s: get(s)["responses"].pop("404"),
        "GET /orders no longer answers 404",
    ),
    (lambda s: fields(s, "Problem").pop("title"), "GET /orders 404.title is gone"),
    (lambda s: component(s, "NotFound")["allOf"].pop(), "GET /orders 404.code is optional"),
    (
        lambda s: get(s)["responses"]["200"].pop("headers"),
        "GET /orders 200 no longer has the header ETag",
    ),
    (
        lambda s: get(s)["responses"]["200"].update(content={"text/csv": {}}),
        "GET /orders 200 is no longer application/json",
    ),
    (lambda s: fields(s, "Order").pop("id"), f"{ROW}.id is gone"),
    (lambda s: component(s, "Order")["required"].remove("id"), f"{ROW}.id is optional"),
    (
        lambda s: fields(s, "Order")["id"].update(type="integer"),
        f"{ROW}.id was string and is integer",
    ),
    (
        lambda s: fields(s, "Order")["id"].update(type=["string", "null"]),
        f"{ROW}.id was string and is null or string",
    ),
    (
        lambda s: fields(s, "Order")["state"]["enum"].append("LOST"),
        f"{ROW}.state may now be 'LOST'",
    ),
    (
        lambda s: fields(s, "Order")["state"].pop("enum"),
        f"{ROW}.state is no longer one of a few values",
    ),
    (
        lambda s: fields(s, "Order")["labels"]["additionalProperties"].update(type="integer"),
        f"{ROW}.labels.* was string and is integer",
    ),
    (
        lambda s: fields(s, "Order")["note"]["oneOf"].append({"type": "integer"}),
        f"{ROW}.note has other forms",
    ),
    (
        lambda s: component(s, "Page").update(
            properties={"results": {"type": "array"}, "next": {"type": "string"}}
        ),
        f"{ROW} was object and is anything",
    ),
]
HARMLESS: list[Change] = [
    lambda s: s["paths"].update({"/carts": get(s)}),
    lambda s: get(s)["parameters"].append({"in": "query", "name": "q", "schema": {}}),
    lambda s: get(s)["parameters"][0]["schema"].update(maximum=200),
    lambda s: get(s)["parameters"][0]["schema"].pop("minimum"),
    lambda s: get(s)["responses"].update({"429": {}}),
    lambda s: get(s)["responses"]["200"]["headers"].update(Link={}),
    lambda s: post(s)["x-roles"].append("delivery"),
    lambda s: post(s).pop("security"),
    lambda s: fields(s, "NewOrder").update(more={"type": "string"}),
    lambda s: fields(s, "NewOrder")["quantity"].update(type="number"),
    lambda s: fields(s, "NewOrder")["kind"]["enum"].append("C"),
    lambda s: fields(s, "NewOrder")["kind"].pop("enum"),
    lambda s: fields(s, "NewOrder")["note"]["oneOf"].append({"type": "boolean"}),
    lambda s: component(s, "NewOrder").update(required=[]),
    lambda s: component(s, "Order")["required"].append("labels"),
    lambda s: fields(s, "Order")["state"]["enum"].remove("OPEN"),
    lambda s: fields(s, "Order").update(more={"type": "string"}),
    lambda s: fields(s, "Page")["next"].update(type="string"),
    lambda s: component(s, "NotFound")["allOf"][1]["properties"]["code"]["enum"].append("c"),
    lambda s: s["components"]["schemas"].update(Unused={}),
]


@pytest.mark.parametrize(("change", "line"), BREAKING, ids=[line for _, line in BREAKING])
def test_a_change_that_breaks_callers_is_named(change: Change, line: str) -> None:
    assert breaking_changes(SCHEMA, changed(change)) == [line]


def test_a_path_goes_with_all_its_operations() -> None:
    assert breaking_changes(SCHEMA, changed(lambda s: s["paths"].clear())) == [
        "GET /orders is gone",
        "POST /orders is gone",
    ]


@pytest.mark.parametrize("number", range(len(HARMLESS)))
def test_a_change_that_breaks_nobody_is_let_be(number: int) -> None:
    assert breaking_changes(SCHEMA, changed(HARMLESS[number])) == []


def test_the_same_schema_breaks_nobody() -> None:
    assert breaking_changes(SCHEMA, SCHEMA) == []


class TestADeclaration:
    def test_lets_a_change_pass_that_it_gives_a_reason_for(self) -> None:
        declared = {"change": [{"what": "a is gone", "why": "Nobody used it."}]}

        assert verdict(["a is gone"], declared) == []

    def test_is_missing(self) -> None:
        assert verdict(["a is gone"], {}) == ['[[change]]\nwhat = "a is gone"\nwhy = ""\n']

    def test_needs_a_reason(self) -> None:
        declared = {"change": [{"what": "a is gone", "why": " "}]}

        assert verdict(["a is gone"], declared) == ['[[change]]\nwhat = "a is gone"\nwhy = ""\n']

    def test_of_what_is_not_so_is_refused(self) -> None:
        declared = {"change": [{"what": "a is gone", "why": "Nobody used it."}]}

        assert verdict([], declared) == ["Declared, but not so: a is gone"]


def test_the_check_fails_until_it_is_declared_or_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {name: tmp_path / name for name in ("TODAY", "PROMISED", "DECLARED")}
    for name, path in files.items():
        monkeypatch.setattr(breaking, name, path)
    files["PROMISED"].write_text(yaml.safe_dump(SCHEMA))
    files["TODAY"].write_text(yaml.safe_dump(changed(BREAKING[0][0])))
    files["DECLARED"].write_text("")

    def check(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["breaking", *arguments])
        return breaking.main(), capsys.readouterr().out

    code, told = check()
    assert (code, 'what = "POST /orders is gone"' in told) == (1, True)
    files["DECLARED"].write_text(told.replace('why = ""', 'why = "Orders come by post now."'))
    assert check()[0] == 0
    assert check("promise")[0] == 0
    assert check()[0] == 0
    assert files["PROMISED"].read_text() == files["TODAY"].read_text()
    assert files["DECLARED"].read_text() == breaking.HEAD
