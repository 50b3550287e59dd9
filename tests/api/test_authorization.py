"""
Every operation of the schema, asked for by everyone: who may is written in `operations.txt`.

A new operation needs a line there, and a request in `requests.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tests.api.catalogue import TABLE, Rule, operations, rules, undone
from tests.api.requests import GUESTS, REQUESTS
from tests.api.world import API, STAFF, World

RULES = rules(TABLE.read_text())
NOT_IN_THE_SCHEMA = {"/docs", "/health/live", "/health/ready", "/schema"}
ALLOWED = range(200, 400)
NO_TOKEN, NO_ROLE, NOT_THERE = (range(code, code + 1) for code in (401, 403, 404))
ORDERING = (
    "POST /orders",
    "PUT /cart/coupon",
    "PUT /cart/lines/{product_id}",
    "POST /cart/merge",
)
# They may, and are refused for another reason.
REFUSED = {
    **{("DELETE /users/me", role): (409, "staff_not_erasable") for role in STAFF},
    **{(name, "erased"): (403, "customer_erased") for name in ORDERING},
    ("POST /cart/order", "erased"): (409, "cart_empty"),
}
PROBLEMS = {401: {"not_authenticated", "token_not_valid"}, 403: {"permission_denied"}}


def expected(rule: Rule, caller: str, *, is_of_one: bool) -> range:
    """Return with which statuses the caller may be answered: the first that applies."""
    who = rule.who
    verdicts = [
        ("public" in who, ALLOWED),
        (caller in {"expired", "garbage"}, NO_TOKEN),
        ("anyone" in who or caller in who, ALLOWED),
        (caller == "other link" and "link" in who, NOT_THERE if is_of_one else ALLOWED),
        (caller in GUESTS, NO_TOKEN),
        (bool({"logged-in", "cart"} & who), ALLOWED),
        ("account" in who, NOT_THERE if caller in {"erased", "closed"} else ALLOWED),
        ("own" in who, NOT_THERE if is_of_one and caller != "customer" else ALLOWED),
        (True, NO_ROLE),
    ]
    return next(statuses for applies, statuses in verdicts if applies)


def cells(world: World) -> Iterator[tuple[str, str, str]]:
    """Make every request as everyone; return what is wrong with the answer, or nothing."""
    for name, rule in RULES.items():
        for caller in world.people:
            with undone():
                answer = REQUESTS[name].prepared(world, name, caller)()
                yield name, caller, wrong(name, rule, caller, answer)


def wrong(name: str, rule: Rule, caller: str, answer: Any) -> str:
    """Say what is wrong with an answer, if anything is."""
    statuses = expected(rule, caller, is_of_one="{" in name)
    body = answer.json() if "json" in answer.get("Content-Type", "") and answer.content else {}
    if (name, caller) in REFUSED:
        told = (answer.status_code, body.get("code"))
        return "" if told == REFUSED[name, caller] else f"{told}, not {REFUSED[name, caller]}"
    if answer.status_code not in statuses:
        return f"{answer.status_code} {body.get('code', '')}, not {statuses[0]}"
    if body.get("code") not in PROBLEMS.get(answer.status_code, {body.get("code")}):
        return f"{answer.status_code} with the code {body['code']}"
    is_list = (
        answer.status_code == 200
        and name.startswith("GET")
        and "own" in rule.who
        and "{" not in name
    )
    if is_list and bool(body["results"]) != (caller == "customer" or caller in rule.who):
        return f"sees {len(body['results'])} rows"
    return ""


@pytest.mark.django_db
@pytest.mark.timeout(300)
def test_everyone_gets_what_they_may_and_no_more(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = list(cells(world))
    with capsys.disabled():
        size = f"{len(RULES)} operations for {len(world.people)} callers: {len(asked)} cells"
        sys.stdout.write(f"\n{size}\n")

    assert len(asked) == len(RULES) * len(world.people)
    assert [" ".join(cell) for cell in asked if cell[2]] == []


@pytest.mark.django_db
def test_everyone_has_a_cart_of_their_own(world: World) -> None:
    callers = ["cart", "customer", "stranger", *STAFF]
    carts = [REQUESTS["GET /cart"].prepared(world, "GET /cart", each)().json() for each in callers]

    assert len({cart["id"] for cart in carts}) == len(callers)


def test_each_operation_has_its_rule_and_each_rule_its_operation(schema: dict[str, Any]) -> None:
    assert set(RULES) == set(operations(schema))
    assert set(REQUESTS) == set(RULES)


def test_the_schema_says_the_same_of_roles(schema: dict[str, Any]) -> None:
    said = {name: of.get("x-roles") for name, of in operations(schema).items()}

    assert said == {name: roles_in_the_schema(rule) for name, rule in RULES.items()}


def roles_in_the_schema(rule: Rule) -> list[str] | None:
    """Return nothing where no token is needed, none where any will do."""
    if rule.who & {"public", "anyone"}:
        return None
    if rule.who & {"logged-in", "account", "own", "cart"}:
        return []
    return sorted(rule.roles - {"admin"}) or ["admin"]  # who may do all that a role may


def test_no_path_is_missing_in_the_schema(schema: dict[str, Any]) -> None:
    in_schema = {name.split()[1] for name in operations(schema)}

    assert set(paths(get_resolver().url_patterns, "/")) == in_schema | NOT_IN_THE_SCHEMA


def paths(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
    """Return the paths below the API, written as the schema writes them."""
    for pattern in patterns:
        path = prefix + simplified(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from paths(pattern.url_patterns, path)
        elif path.startswith(API):
            yield path.removeprefix(API)


def simplified(route: str) -> str:
    """Write `<uuid:order_id>` as `{order_id}`."""
    return "".join(
        f"{{{part.partition('>')[0].rpartition(':')[2]}}}{part.partition('>')[2]}"
        if number
        else part
        for number, part in enumerate(route.split("<"))
    )


def test_the_table_is_read_strictly() -> None:
    line = "GET /orders own support 1"

    assert rules(f"# a note\n\n{line}") == {"GET /orders": Rule(frozenset({"own", "support"}), 1)}
    for bad in (f"{line}\n{line}", "GET /orders nobody 1", "GET /orders 1"):
        with pytest.raises(AssertionError):
            rules(bad)
